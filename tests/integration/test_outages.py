"""What a part that lives on meets when another is away, forgetful, or not as it should be."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from feature_repo.stream import PlainRunner, open_state
from monitoring.following import Follower
from monitoring.store import Store
from operators.api.rollout import Mlflow
from operators.registries import Registries
from scoreops.adapters.kafka import PARTITIONS, FastProducer, ensure_topics
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.online_store import OnlineStore, connect
from scoreops.adapters.predictor import PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.core.errors import NotReady, Unsupported
from scoreops.kol.events import LABELS_TOPIC, SCORES_TOPIC, SOCIAL_TOPIC, TOPICS, WEB_TOPIC
from scoreops.local.progress import behind
from tests.listening import listening
from tests.waiting import until


def test_a_producer_that_lost_messages_says_so_once_and_works_again_with_the_log(topics, settings, kafka):
    bootstrap = settings.kafka_bootstrap
    ensure_topics(bootstrap, [SCORES_TOPIC])
    producer = FastProducer(bootstrap, timeout_ms=2_000)
    kafka.kill()
    try:
        producer.send(SCORES_TOPIC, b"k", b"lost")
        with pytest.raises(NotReady, match="the log"):
            producer.flush()
        with pytest.raises(NotReady):
            ensure_topics(bootstrap, [SCORES_TOPIC])
    finally:
        kafka.start()
        kafka.wait()
    for attempt in ("first", "second"):
        try:
            producer.send(SCORES_TOPIC, b"k", b"kept")
            producer.flush()
        except NotReady:  # of what was lost
            assert attempt == "first"
            continue
        break
    assert [record.value for record in read_all(bootstrap, SCORES_TOPIC)] == [b"kept"]


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda client: client.hgetall("kols"), id="a command"),
        pytest.param(lambda client: OnlineStore(client, "kol_id").read(["view:feature"], ["kol"]), id="features"),
        pytest.param(lambda client: client.register_script("return 1")(), id="a script"),
    ],
)
def test_an_online_store_that_is_away_is_not_ready(redis_client, settings, valkey, ask):
    client = connect(settings.redis_url)
    ask(client)
    valkey.kill()
    try:
        with pytest.raises(NotReady, match="the online store does not answer"):
            ask(client)
    finally:
        valkey.start()
        valkey.wait()
    ask(client)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((200, b"<html>Please log in</html>", {}), id="a page"),
        pytest.param((308, b"", {"Location": "/elsewhere"}), id="a redirect without a body"),
        pytest.param((308, b"<html>Moved</html>", {"Location": "/elsewhere"}), id="a redirect with a page"),
        pytest.param((502, b"<html>Bad gateway</html>", {}), id="a gateway"),
        pytest.param((200, b'{"registered_models": 3}', {}), id="another service"),
    ],
)
def test_what_answers_in_place_of_the_registry_is_no_registry(answer):
    known = (200, b'{"registered_models": [{"name": "trust", "aliases": [{"alias": "champion", "version": "2"}]}]}', {})
    moved, source = [], Mlflow(model="trust", alias="candidate")
    with listening(known, answer, known) as server:
        registries = Registries(Registry(server.url), moved.append)
        for _ in range(3):
            registries.poll()
            assert registries.state(source).champion == "2"  # for a while, what was known
        assert moved == ["trust"]
        if answer[1] != b'{"registered_models": 3}':
            server.answers = [answer]
            with pytest.raises(NotReady):
                Registry(server.url).all_aliases()


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_server_that_has_too_much_to_do_is_asked_again_later(status):
    with listening((status, b'{"error": "later"}', {})) as server, pytest.raises(NotReady, match="later"):
        PredictorClient(server.url).infer("trust", np.zeros((1, 1)), ["a"])


def test_a_log_that_has_forgotten_its_beginning_is_read_from_what_is_left(topics, redis_client, settings, tmp_path):
    bootstrap = settings.kafka_bootstrap
    ensure_topics(bootstrap, TOPICS)
    producer = FastProducer(bootstrap)
    for topic in (LABELS_TOPIC, WEB_TOPIC):
        for number in range(20):
            producer.send(topic, str(number).encode(), b"forgotten")
    producer.flush()
    forget(bootstrap, LABELS_TOPIC)
    forget(bootstrap, WEB_TOPIC)
    assert list(read_all(bootstrap, LABELS_TOPIC)) == []
    follower = Follower(bootstrap, Store(tmp_path / "evidence.sqlite"))
    follower.run(threading.Event(), until_idle=True)
    assert follower.read_at is not None
    producer.send(SOCIAL_TOPIC, b"k", b"no event")
    producer.flush()
    read = PlainRunner(settings, open_state(settings)).run(threading.Event(), until_idle=True)
    assert (read.read, read.dead_lettered) == (1, 1)
    assert behind(settings) == {"stream": 0, "lake": 1}


def test_a_topic_with_other_partitions_than_are_read_is_told(topics, settings):
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    for made in admin.create_topics([NewTopic(SOCIAL_TOPIC, PARTITIONS + 3, 1)]).values():
        made.result(30)
    until(lambda: SOCIAL_TOPIC in admin.list_topics(timeout=10).topics)
    with pytest.raises(Unsupported, match=f"{SOCIAL_TOPIC} has 5 partitions; here it must have 2"):
        ensure_topics(settings.kafka_bootstrap, TOPICS)
    ensure_topics(settings.kafka_bootstrap, [WEB_TOPIC])


def forget(bootstrap, topic):
    """Delete all that is on a topic, as its retention does."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    gone = admin.delete_records([TopicPartition(topic, number, OFFSET_END) for number in range(PARTITIONS)])
    assert sum(future.result(30).low_watermark for future in gone.values()) == 20
