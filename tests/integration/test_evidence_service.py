"""The evidence service on a real log: the same sums however often it is killed; gates on a real server's answers."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from monitoring.book import StoredBook
from monitoring.following import Follower
from monitoring.metrics import Metrics
from monitoring.store import Store
from scoreops.adapters.evidence import EvidenceClient
from scoreops.adapters.kafka import FastProducer, ensure_topics
from scoreops.adapters.kafka_log import places
from scoreops.core.errors import NotReady
from scoreops.core.gates import Wanted
from scoreops.core.gates.checks import Decision
from scoreops.core.losses import log_loss_differences
from scoreops.kol.events import INFERENCE_TOPIC, LABELS_TOPIC
from tests.evidence import World, encoded
from tests.evidence_process import Child, running
from tests.tiny_server import free_port
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
TOPICS = (INFERENCE_TOPIC, LABELS_TOPIC)


@pytest.fixture
def broker(topics, settings):
    ensure_topics(settings.kafka_bootstrap, TOPICS)
    return settings.kafka_bootstrap


def followed(broker, file):
    """A store that has read all of the log, and its book."""
    store = Store(file)
    follower = Follower(broker, store)
    follower.run(threading.Event(), until_idle=True)
    return StoredBook(store, read_at=lambda: follower.read_at)


def send(broker, world, told=1.0):
    """Answers of both versions and a share of the labels, mixed as they come."""
    producer = FastProducer(broker)
    messages = [(INFERENCE_TOPIC, raw) for version in "12" for raw in encoded(world.answers(version))]
    messages += [(LABELS_TOPIC, raw) for raw in encoded(world.told())[: int(told * len(world.names))]]
    random.Random(1).shuffle(messages)
    for place, (topic, raw) in enumerate(messages):
        producer.send(topic, str(place).encode(), raw)
    producer.flush()


def test_killed_at_any_moment_it_ends_with_the_same_sums(broker, tmp_path):
    world, rng, file = World(4000), random.Random(5), tmp_path / "service.sqlite"
    wanted = Wanted(model="m", candidate="2", stable="1", since=datetime.now(UTC) - timedelta(hours=1))
    send(broker, world)
    store, total = Store(file), 3 * 4000
    with running(broker, file, free_port()) as service:
        for kill in range(KILLS):
            until(lambda at=total * kill / KILLS: sum(store.offsets().values()) > at)
            time.sleep(rng.random() * 0.02)
            service.kill()
            assert kill > KILLS / 2 or sum(store.offsets().values()) < total
            service.start()
        until(lambda: sum(store.offsets().values()) == total)
        seen = EvidenceClient(service.url).read(wanted) if ready(service) else None
    undisturbed = followed(broker, tmp_path / "other.sqlite").read(wanted)
    same = {"read_at": seen.read_at, "drift": seen.drift}
    assert seen == undisturbed.model_copy(update=same)
    lost = log_loss_differences(world.labels, world.scores["1"], world.scores["2"])
    assert seen.pairs.log_loss.n == 4000
    assert seen.pairs.log_loss.total == pytest.approx(lost.sum())
    assert "MLflow does not answer" in seen.drift.problem
    assert store.counts() == {"answers": 8000, "labels": 4000}


def ready(service):
    """Wait until the service has read its log."""
    with httpx.Client(base_url=service.url) as client:

        def answers():
            try:
                return client.get("/health/ready").status_code == 200
            except httpx.HTTPError:
                return False

        until(answers)
    return True


def test_over_http_it_says_what_it_says_in_the_process(broker, tmp_path):
    send(broker, World(800), told=0.5)
    wanted = Wanted(
        model="m",
        candidate="2",
        stable="1",
        since=datetime.now(UTC) - timedelta(hours=1),
        decision=Decision(gain=100, cost=40),
        feature_seconds=60,
    )
    with running(broker, tmp_path / "service.sqlite", free_port()) as service:
        assert ready(service)
        client = EvidenceClient(service.url)
        seen = client.read(wanted)
        own = followed(broker, tmp_path / "other.sqlite").read(wanted)
        assert (seen.pairs, seen.bins, seen.brier, seen.fresh) == (own.pairs, own.bins, own.brier, own.fresh)
        assert (seen.answers, seen.labelled, seen.pairs.value.n) == (800, 400, 400)
        asked = {"candidate": "2", "since": "2026-01-01T00:00:00Z"}
        for wrong in ({"since": "yesterday"}, {"decision": "{}"}, {"maturitySeconds": -1}, {"other": 1}):
            assert httpx.get(f"{service.url}/v1/evidence/m", params=asked | wrong).status_code == 422
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        assert "evidence_rows" in httpx.get(f"{service.url}/metrics").text
    with pytest.raises(NotReady, match="does not answer"):
        client.read(wanted)


def test_the_command_starts_a_service_and_ends_on_sigterm(broker, environment, tmp_path):
    port = free_port()
    argv = [sys.executable, "-m", "monitoring", "--store", str(tmp_path / "e.sqlite"), "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(argv, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    try:
        assert ready(Child(broker, None, port))
    finally:
        process.terminate()
    assert process.wait(60) == 0, (tmp_path / "log").read_text()


def test_a_log_that_is_away_lets_evidence_grow_old(broker, kafka, tmp_path):
    store = Store(tmp_path / "e.sqlite")
    follower = Follower(broker, store)
    follower.run(threading.Event(), until_idle=True)
    before = follower.read_at
    assert before is not None
    kafka.kill()
    try:
        with pytest.raises(NotReady):
            follower._follow(threading.Event(), until_idle=True)
        assert follower.read_at == before
    finally:
        kafka.start()
        kafka.wait()


def test_a_log_that_is_never_silent_is_read_all_the_same(broker, tmp_path):
    follower, stop = Follower(broker, Store(tmp_path / "e.sqlite")), threading.Event()
    producer = FastProducer(broker)

    def talk():
        for number, raw in enumerate(encoded(World(100_000).answers("1"))):
            if stop.wait(0.01):
                break
            producer.send(INFERENCE_TOPIC, str(number).encode(), raw)

    threads = [threading.Thread(target=talk), threading.Thread(target=follower.run, args=(stop,))]
    for thread in threads:
        thread.start()
    try:
        until(lambda: follower.read_at)
        first = follower.read_at
        until(lambda: follower.read_at - first > timedelta(seconds=5))
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def test_a_topic_that_the_broker_does_not_know_yet_is_no_empty_one(broker):
    assert {topic for topic, _ in places(broker, TOPICS)} == set(TOPICS)
    with pytest.raises(NotReady, match=r"does not know of never\.made yet"):
        places(broker, (*TOPICS, "never.made"))


def test_what_does_not_fit_is_counted_and_left_out(broker, tmp_path):
    producer = FastProducer(broker)
    for topic in TOPICS:
        for raw in (b"", b"{}", b"\xff", b'{"kol_id": 1}'):
            producer.send(topic, b"k", raw)
    producer.flush()
    send(broker, World(10))
    store = Store(tmp_path / "e.sqlite")
    Follower(broker, store).run(threading.Event(), until_idle=True)
    assert store.counts() == {"refused": 8, "answers": 20, "labels": 10}


def test_metrics_of_the_last_hour(broker, tmp_path):
    send(broker, World(300))
    store = Store(tmp_path / "e.sqlite")
    follower = Follower(broker, store)
    follower.run(threading.Event(), until_idle=True)
    metrics = Metrics(store, StoredBook(store, read_at=lambda: follower.read_at))
    metrics.refresh(datetime.now(UTC) + timedelta(minutes=1))
    said = metrics.render().decode()
    for line in (
        'evidence_answers{model="m",version="1"} 300.0',
        'evidence_paired_loss{bound="mean",candidate="2",loss="log",model="m",stable="1"} 0.',
        'evidence_calibration_error{model="m",version="2"} 0.',
    ):
        assert line in said
