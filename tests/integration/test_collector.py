"""The HTTP collector before a real broker: what it acknowledges is on the log, what it refuses says why."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ingestion.collector import MAX_BATCH, MAX_BODY, MAX_DEPTH
from ingestion.pseudonym import pseudonym
from scoreops.adapters.kafka import original_of
from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import DLQ_TOPIC, MAX_EVENT_BYTES, RAW_TOPICS, TOPIC_OF, event_id
from scoreops.local import probes
from scoreops.local.runtime import up
from scoreops.local.service import Service, python
from tests.asking import ROOT, letters, on_log
from tests.making import KINDS, fields

CLEAR = "nguyen.van.a@example.com"
PATIENCE_S = 60
SENDERS = 4
CRASHES = 2
OUTAGE_S = 2.0


@pytest.fixture(scope="module")
def collector(settings, kafka, environment):
    """`scoreops collect`, ready."""
    up([kafka])
    service = Service(
        "collector",
        settings.root,
        python("-W", "ignore", "-m", "scoreops", "collect"),
        probes.http(settings.host, settings.collector_port, "/health"),
        (settings.collector_port,),
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    up([service])
    yield service
    service.stop()


@pytest.fixture
def client(settings, collector, kafka):
    up([kafka, collector])
    headers = {"X-API-Key": settings.secret("api_key")}
    url = f"http://{settings.host}:{settings.collector_port}"
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S) as made:
        yield made


def post(client, what, **more):
    content = what if isinstance(what, bytes) else json.dumps(what)
    return client.post("/v1/events", content=content, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_one_event_is_on_its_topic_once_it_is_acknowledged(client, settings, prefix, kind):
    given = fields(kind, kol_id=prefix)
    answer = post(client, given)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    found = on_log(settings, prefix)
    assert {topic: len(values) for topic, values in found.items() if values} == {TOPIC_OF[kind]: 1}
    kept = json.loads(found[TOPIC_OF[kind]][0])
    own = {name: value for name, value in given.items() if name != "user_id"}
    assert {name: kept[name] for name in own} == own


@pytest.mark.parametrize("headers", [{"X-API-Key": ""}, {"X-API-Key": "guess"}])
def test_without_the_key_nothing_comes_in(client, settings, prefix, headers):
    answer = post(client, fields("view", kol_id=prefix), headers=headers)
    assert answer.status_code == 401
    assert "X-API-Key" in answer.json()["error"]
    assert not any(on_log(settings, prefix).values())


def test_a_whole_batch_is_taken_and_one_more_is_not(client, settings, prefix):
    batch = [fields("view", kol_id=prefix, session_id=f"s{n}") for n in range(MAX_BATCH)]
    answer = post(client, batch)
    assert (answer.status_code, answer.json()) == (202, {"accepted": MAX_BATCH, "rejected": []})
    sessions = {json.loads(value)["session_id"] for value in on_log(settings, prefix)[TOPIC_OF["view"]]}
    assert sessions == {event["session_id"] for event in batch}
    other = f"{prefix}-more"
    answer = post(client, [event | {"kol_id": other} for event in [*batch, batch[0]]])
    assert answer.status_code == 413
    assert str(MAX_BATCH) in answer.json()["error"]
    assert not any(on_log(settings, other).values())


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        pytest.param(b" " * (MAX_BODY + 1), 413, str(MAX_BODY), id="too long"),
        pytest.param(b"[]", 413, "0 events", id="none"),
        pytest.param(b'{"type": ', 400, "no JSON", id="cut short"),
        pytest.param(b"\xff\xfe", 400, "no JSON", id="no text"),
        pytest.param(b"[" * 400 + b"]" * 400, 400, f"more than {MAX_DEPTH} deep", id="nested"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_with_a_sentence(client, body, status, said):
    answer = post(client, body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_each_bad_event_is_answered_by_its_place_field_and_reason_and_lies_among_the_dead(client, settings, prefix):
    def about(kind, **changes):
        return fields(kind, **{"kol_id": prefix} | changes)

    bad = {
        "followers": about("profile", followers=-1),
        "event_time": about("profile", event_time="yesterday"),
        "type": about("profile") | {"type": "story"},
        "amount_minor": about("purchase", amount_minor="12"),
        "user_id": about("view", user_id=None),
        "text": about("comment", text=" "),
        "beauty": about("view", beauty=1),
        "": about("comment", text="x" * (MAX_EVENT_BYTES + 1)),
    }
    good = [about("view", session_id=f"s{n}") for n in range(len(bad))]
    mixed = [event for pair in zip(good, bad.values(), strict=True) for event in pair]
    answer = post(client, mixed)
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["accepted"] == len(good)
    assert [(r["index"], r["field"], r["status"]) for r in receipt["rejected"]] == [
        (2 * place + 1, name, 422) for place, name in enumerate(bad)
    ]
    assert all(refused["reason"] for refused in receipt["rejected"])
    assert len(on_log(settings, prefix)[TOPIC_OF["view"]]) == len(good)
    dead = {letter["field"]: letter for letter in letters(settings, prefix)}
    for refused in receipt["rejected"]:
        letter = dead[refused["field"]]
        assert letter["reason"] == refused["reason"]
        kept, given = json.loads(letter["raw"]), bad[refused["field"]]
        assert {k: v for k, v in kept.items() if k != "user_id"} == {k: v for k, v in given.items() if k != "user_id"}
    answer = post(client, bad["followers"])
    assert (answer.status_code, answer.json()["accepted"]) == (422, 0)


def test_an_event_too_large_for_a_message_is_refused_for_good_and_the_next_one_is_taken(client, settings, prefix):
    huge = fields("comment", kol_id=prefix, text="x" * 2_000_000)
    answer = post(client, [huge, fields("view", kol_id=prefix)])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (letter,) = letters(settings, prefix)
    assert str(MAX_EVENT_BYTES) in letter["reason"]
    assert letter["size"] > 2_000_000
    assert json.dumps(huge).replace(" ", "").encode()[:50] == letter["raw"][:50]


def test_no_user_id_reaches_the_log_in_the_clear(client, settings, prefix):
    mine = {"kol_id": prefix, "user_id": CLEAR}
    good = [fields(kind, **mine) for kind in ("view", "comment", "purchase")]
    bad = [fields("view", **mine, session_id=""), fields("view", kol_id=prefix, who=[{"user_id": CLEAR}])]
    assert post(client, [*good, *bad, [good[0]]]).json()["accepted"] == len(good)
    everything = [
        original_of(record.value) if topic == DLQ_TOPIC else record.value
        for topic in (*RAW_TOPICS, DLQ_TOPIC)
        for record in read_all(settings.kafka_bootstrap, topic)
    ]
    assert not [value for value in everything if CLEAR.encode() in value]
    hashed = pseudonym(CLEAR, settings.secret("pseudonym_key")).encode()
    assert sum(prefix.encode() in value and hashed in value for value in everything) == len(good) + len(bad) + 1


def test_one_happening_told_twice_has_one_id_and_another_has_another(client, settings, prefix):
    told = fields("purchase", kol_id=prefix, user_id=CLEAR)
    again = told | {"event_time": "2026-03-01T17:00:00+07:00", "event_id": "0" * 32}
    other = told | {"order_id": "o2"}
    for event in (told, again, other, told):
        assert post(client, event).status_code == 202
    values = [json.loads(value) for value in on_log(settings, prefix)[TOPIC_OF["purchase"]]]
    ids = [value["event_id"] for value in values]
    assert len(ids) == 4
    assert len(set(ids)) == 2
    assert all(value["event_id"] == event_id(value) for value in values)


def test_what_was_acknowledged_over_crashes_of_the_broker_is_on_the_log(client, settings, kafka, prefix):
    acknowledged, done = [], threading.Event()

    def send(sender):
        number = 0
        while not done.is_set():
            sessions = [f"{sender}-{number}-{place}" for place in range(5)]
            answer = post(client, [fields("click", kol_id=prefix, session_id=session) for session in sessions])
            assert answer.status_code in {202, 503}, answer.text
            if answer.status_code == 202:
                acknowledged.extend(sessions)
            number += 1

    def more():
        """Wait until every sender had several answers since now."""
        wanted, deadline = len(acknowledged) + 100, time.monotonic() + PATIENCE_S
        while len(acknowledged) < wanted and not any(sender.done() for sender in senders):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(send, sender) for sender in range(SENDERS)]
        try:
            for _ in range(CRASHES):
                more()
                kafka.kill()
                done.wait(OUTAGE_S)
                up([kafka])
            more()
        finally:
            done.set()
        for sender in senders:
            sender.result(PATIENCE_S)
    kept = {json.loads(value)["session_id"] for value in on_log(settings, prefix)[TOPIC_OF["click"]]}
    assert set(acknowledged) <= kept
    assert len(acknowledged) > 100 * CRASHES
