"""The HTTP door in front of a real broker, which dies and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ingestion.replay import letters, replay
from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import DLQ_TOPIC, WEB_TOPIC
from scoreops.local.runtime import up

ROOT = Path(__file__).resolve().parents[2]
LOAD_S = 20


def click(number, **other):
    event = {"type": "click", "kol_id": f"kol-{number % 7}", "platform": "tiktok", "campaign_id": "c1"}
    return (
        event
        | {"user_id": f"person-{number}", "session_id": f"s{number}", "event_time": "2026-03-22T03:00:00Z"}
        | other
    )


class Door:
    """A collector process and its key."""

    def __init__(self, settings):
        self.url = f"http://{settings.host}:{settings.collector_port}"
        self._key = settings.secret("api_key")

    def post(self, body):
        """Status and answer."""
        request = urllib.request.Request(f"{self.url}/v1/events", json.dumps(body).encode())
        request.add_header("X-API-Key", self._key)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def alive(self):
        try:
            return urllib.request.urlopen(f"{self.url}/health", timeout=1).status == 200
        except (urllib.error.URLError, TimeoutError):
            return False


@pytest.fixture
def door(settings, topics, environment):
    made = Door(settings)
    argv = [sys.executable, "-W", "ignore", "-m", "scoreops", "collect"]
    process = subprocess.Popen(argv, env=environment | {"PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 60
    while not made.alive():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield made
    process.terminate()
    process.wait(timeout=30)


def on(settings, topic):
    return [json.loads(record.value) for record in read_all(settings.kafka_bootstrap, topic)]


def test_good_events_reach_the_log_hashed_and_bad_ones_the_dead_letters_with_their_reason(door, settings):
    bad = click(3, event_time="yesterday")
    status, answer = door.post([click(1), bad, click(2)])
    assert (status, answer["accepted"]) == (202, 2)
    assert [(one["index"], one["field"]) for one in answer["rejected"]] == [(1, "event_time")]
    assert door.post(click(1))[0] == 202
    taken = on(settings, WEB_TOPIC)
    assert len(taken) == 3
    assert len({event["event_id"] for event in taken}) == 2, "the same event has the same id"
    assert not any("person-" in json.dumps(event) for event in taken)
    (letter,) = on(settings, DLQ_TOPIC)
    assert letter["field"] == "event_time"
    assert "person-3" not in json.dumps(letter)


def test_a_repaired_dead_letter_goes_in(door, settings):
    assert door.post([click(1, event_time="2026-03-22 03:00"), click(2)])[0] == 202
    (letter,) = letters(settings)
    repaired = letter._replace(raw=letter.raw.replace(b"2026-03-22 03:00", b"2026-03-22T03:00:00Z"))
    assert replay([repaired], settings, bury=False).accepted == 1
    assert {event["session_id"] for event in on(settings, WEB_TOPIC)} == {"s1", "s2"}


@pytest.mark.timeout(240)
def test_what_was_acknowledged_survives_a_broker_that_is_killed(door, settings, kafka):
    acknowledged, stop = set(), threading.Event()

    def load(first):
        number = first
        while not stop.is_set():
            status, _ = door.post([click(number + i) for i in range(5)])
            assert status in (202, 503)
            if status == 202:
                acknowledged.update(f"s{number + i}" for i in range(5))
            number += 5

    workers = [threading.Thread(target=load, args=(base * 1_000_000,)) for base in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(2):
        before = len(acknowledged)
        reached(lambda: len(acknowledged) > before + 100)  # noqa: B023 - called before the next turn
        kafka.kill()
        stop.wait(LOAD_S / 4)
        up([kafka])
    before = len(acknowledged)
    reached(lambda: len(acknowledged) > before + 100)
    stop.set()
    for worker in workers:
        worker.join()
    kept = {event["session_id"] for event in on(settings, WEB_TOPIC)}
    assert acknowledged <= kept


def reached(condition):
    """Wait until it holds."""
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
