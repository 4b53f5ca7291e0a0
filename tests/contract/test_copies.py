"""Copies of requests: answered like any, counted apart, logged under the id of what they are copies of."""

from __future__ import annotations

import json

import pytest

from predictors.inference_log import InferenceLog
from tests.serving import Server
from tests.tiny import JOINED, tiny_bundle


class Kept:
    """A log that keeps what it is told."""

    def __init__(self):
        self.messages = []

    def journal(self, metrics):
        self.log = InferenceLog(self, metrics)
        return self.log

    def offer(self, topic, value, lines):
        self.messages += map(json.loads, value.splitlines())
        return True

    def settled(self):
        return len(self.messages), 0

    def close(self, timeout_s):
        return None


@pytest.fixture
def log():
    return Kept()


@pytest.fixture
def server(tmp_path, log):
    made = Server(tmp_path, witnesses=[lambda server: log.journal(server.metrics)])
    made.put("1", tiny_bundle())
    made.keeper.refresh("tiny")
    made.log = log.log
    yield made
    made.plane.close()


def infer(server, headers, **more):
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [1, 2, 3]}
    body = {"inputs": [tensor | {"parameters": {"columns": JOINED}}], **more}
    answer = server.ask("POST", "/v2/models/tiny/infer", json=body, headers=headers)
    server.log.poll()
    assert answer.status_code == 200
    return answer.json()["id"]


@pytest.mark.parametrize(
    ("headers", "copy", "logged"),
    [
        pytest.param({}, "", True, id="a request"),
        pytest.param({"host": "tiny.example-shadow"}, "mirror", True, id="mirrored by Envoy"),
        pytest.param({"host": "tiny.example-shadow:8080"}, "mirror", True, id="with a port"),
        pytest.param({"x-scoreops-copy": "mirror"}, "mirror", True, id="by its own word"),
        pytest.param({"x-scoreops-copy": "golden"}, "golden", False, id="golden"),
        pytest.param({"x-scoreops-copy": "other"}, "", True, id="a word that means nothing"),
    ],
)
def test_what_is_counted_and_logged(server, log, headers, copy, logged):
    infer(server, headers)
    said = server.metrics.render().decode()
    for metric, here in (("predictor_requests", not copy), ("predictor_shadow", bool(copy))):
        line = f'{metric}_total{{model="tiny",outcome="ok",version="1"}} 1.0'
        assert (line in said) == here
    assert ('predictor_shadow_duration_seconds_count{model="tiny",version="1"} 1.0' in said) == bool(copy)
    assert [one.get("copy", "") for one in log.messages] == ([copy] if logged else [])


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        pytest.param({"id": "mine"}, "gateway's", "mine", id="the body's"),
        pytest.param({}, "gateway's", "gateway's", id="the gateway's"),
        pytest.param({}, "x" * 129, None, id="too long a one is none"),
        pytest.param({}, "", None, id="none"),
    ],
)
def test_an_answer_goes_by_the_id_of_its_request(server, log, body, header, expected):
    name = infer(server, {"x-request-id": header} if header else {}, **body)
    assert log.messages[0]["request_id"] == name
    if expected is not None:
        assert name == expected
    else:
        assert name not in {"", header}
