"""The REST doors, spoken to within the process: who may come in, and what becomes of what they bring."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from console.api import create_app as console_app
from ingestion.collector import MAX_BATCH, MAX_BODY
from ingestion.collector import create_app as collector_app
from scoreops.adapters.kafka import original_of
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.kol.events import DLQ_TOPIC, TOPIC_OF, parse
from tests.making import KINDS, fields

KEY = {"X-API-Key": "secret"}


class Log:
    """A log that keeps what it is given, until it is closed."""

    def __init__(self):
        self.messages = []
        self.closed = False

    def send(self, messages):
        if self.closed:
            raise NotReady("no broker answers")
        self.messages += messages


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def collector(log):
    return collector_app(log, api_key="secret", pseudonym_key="k")


def ask(app, method, path, **given):
    async def answer():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, **given)

    return asyncio.run(answer())


def post(app, content, headers=KEY):
    return ask(app, "POST", "/v1/events", content=content, headers=headers)


WRONG = [{}, {"X-API-Key": "Secret"}, {"X-API-Key": ""}, {"X-API-Key": "sécret"}, {"Authorization": "secret"}]


@pytest.mark.parametrize("headers", WRONG)
def test_nobody_comes_in_without_the_key(collector, log, headers):
    headers = {name: value.encode() for name, value in headers.items()}
    assert post(collector, json.dumps(fields("view")), headers).status_code == 401
    console = console_app(Settings(), "secret")
    for method, path in (("GET", "/v1/kols"), ("GET", "/v1/kols/k1"), ("GET", "/v1/kols/k1/explain"),
                         ("GET", "/v1/alerts"), ("POST", "/v1/alerts/a/ack"), ("GET", "/v1/models"),
                         ("POST", "/v1/models/trust/rollback")):  # fmt: skip
        assert ask(console, method, path, headers=headers, json={"by": "me"}).status_code == 401, path
    assert not log.messages


def test_health_needs_no_key(collector):
    assert ask(collector, "GET", "/health").json() == {"status": "ok"}
    assert ask(console_app(Settings(), "secret"), "GET", "/health").json() == {"status": "ok"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_lands_on_its_topic_under_its_kol(collector, log, kind):
    answer = post(collector, json.dumps(fields(kind)))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    ((topic, key, value),) = log.messages
    assert (topic, key) == (TOPIC_OF[kind], b"k1")
    assert parse(value).type == kind


def test_of_a_batch_the_good_ones_are_taken_and_each_bad_one_is_explained(collector, log):
    bad = fields("profile", followers=-1)
    answer = post(collector, json.dumps([fields("view"), bad, {"type": "story"}]))
    assert answer.status_code == 202
    first, second = answer.json()["rejected"]
    assert (first["index"], first["field"], first["status"]) == (1, "followers", 422)
    assert (second["index"], second["field"]) == (2, "type")
    assert [topic for topic, _, _ in log.messages] == [TOPIC_OF["view"], DLQ_TOPIC, DLQ_TOPIC]
    assert json.loads(original_of(log.messages[1][2])) == bad


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(json.dumps([fields("profile", followers=-1)]), 422, id="none fits"),
        pytest.param("{", 400, id="no JSON"),
        pytest.param(b"\xff\xfe", 400, id="no text"),
        pytest.param("[]", 413, id="none at all"),
        pytest.param(json.dumps([1] * (MAX_BATCH + 1)), 413, id="too many"),
        pytest.param(b" " * (MAX_BODY + 1), 413, id="too long"),
    ],
)
def test_what_cannot_be_taken(collector, content, status):
    assert post(collector, content).status_code == status


def test_when_the_log_does_not_answer_nothing_is_acknowledged(collector, log):
    log.closed = True
    answer = post(collector, json.dumps(fields("view")))
    assert answer.status_code == 503
    assert "send it again" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        pytest.param("/v1/kols?sort=beauty", "GET", 422, id="unknown order"),
        pytest.param("/v1/kols?limit=0", "GET", 422, id="no rows asked for"),
        pytest.param("/v1/kols/k1/explain?as_of=2026-03-01T10:00:00", "GET", 422, id="time without zone"),
        pytest.param("/v1/models/beauty/rollback", "POST", 404, id="unknown model"),
        pytest.param("/v1/nothing", "GET", 404, id="unknown route"),
    ],
)
def test_the_console_refuses_what_it_does_not_know(path, method, status):
    answer = ask(console_app(Settings(), "secret"), method, path, headers=KEY)
    assert answer.status_code == status
    assert answer.json()["detail"]
