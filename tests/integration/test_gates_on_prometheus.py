"""Gates on a real Prometheus that scrapes the metrics of the prediction server: counts, restarts, outages."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from predictors.metrics import Metrics
from scoreops.adapters.prometheus import Prometheus
from scoreops.core.errors import BadInput, NotReady
from scoreops.core.gates import GateSpec, Sources, Trial, evaluate
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.prometheus import scraping
from tests.waiting import until

GATES = {
    "slo": GateSpec.model_validate({"slo": {"margin": 0.01, "slow": None}}),
    "both": GateSpec.model_validate({"slo": {"margin": 0.01}}),
    "traffic": GateSpec.model_validate({"trafficMin": {"requests": 1000}}),
    "own": GateSpec.model_validate(
        {
            "promQuery": {
                "query": 'sum(predictor_requests_total{version="$candidate",outcome="error"})'
                ' / sum(predictor_requests_total{version="$candidate"})',
                "samples": 'sum(predictor_requests_total{version="$candidate"})',
                "need": 100,
                "atMost": 0.02,
            }
        }
    ),
}


class Exporter:
    """The metrics of a prediction server; `restart` begins them anew, as a new process does."""

    def __init__(self):
        self.metrics = Metrics()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(outer.metrics.render())

            def log_message(self, *args):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def restart(self):
        self.metrics = Metrics()

    def answer(self, version, n, errors=0, seconds=0.01):
        meter = self.metrics.meter("m", version)
        for _ in range(n - errors):
            meter.ok(1, seconds)
        for _ in range(errors):
            meter.failed()


@pytest.fixture
def exporter():
    made = Exporter()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def prometheus(tmp_path, exporter):
    with scraping(tmp_path, [f"127.0.0.1:{exporter.server.server_port}"]) as made:
        yield made


@pytest.fixture
def source(prometheus):
    made = Prometheus(prometheus.url, timeout_s=2.5)
    yield made
    made.close()


def judge(source, since, weight=10):
    trial = Trial("t", "step-0", "m", "2", "1", since, weight)
    return {one.gate: one for one in evaluate(GATES, trial, Sources(metrics=source), datetime.now(UTC))}


def counted(source, since, n):
    """Wait until Prometheus has seen so many requests of both versions."""
    until(lambda: judge(source, since)["slo"].n >= n, lambda: str(judge(source, since)), 30)


def test_what_a_candidate_did_since_the_step_began(exporter, source):
    exporter.answer("1", 5000, errors=500)  # of before
    until(lambda: source.query('predictor_requests_total{version="1"}', datetime.now(UTC)))
    since = datetime.now(UTC)
    assert judge(source, since)["traffic"].n == 0
    exporter.answer("1", 18_000, errors=18)
    exporter.answer("2", 2000, errors=2)
    counted(source, since, 20_000)
    found = judge(source, since)
    assert {name: one.outcome for name, one in found.items()} == dict.fromkeys(GATES, O.PASS)
    assert (found["slo"].n, found["traffic"].n, found["own"].n) == (20_000, 2000, 2000)
    exporter.restart()  # counters begin at 0 again
    exporter.answer("1", 9000, errors=9)
    exporter.answer("2", 1000, errors=300)
    counted(source, since, 29_998)
    found = judge(source, since)
    assert found["slo"].outcome is found["both"].outcome is O.FAIL
    assert found["own"].outcome is O.FAIL
    assert found["traffic"].n == 2998  # 300 errors where 2 were before: no restart can be seen in that counter


def test_an_outage_is_unknown_and_what_was_counted_is_there_after_it(exporter, prometheus, source):
    since = datetime.now(UTC) - timedelta(seconds=1)
    exporter.answer("1", 900)
    exporter.answer("2", 100)
    counted(source, since, 1000)
    prometheus.kill()
    found = judge(source, since)
    assert {one.outcome for one in found.values()} == {O.UNKNOWN}
    assert all("does not answer" in one.reason for one in found.values())
    prometheus.start()
    counted(source, since, 1000)
    assert judge(source, since)["traffic"].n == 100


def test_a_target_that_is_away_makes_unknown(exporter, source):
    since = datetime.now(UTC) - timedelta(seconds=1)
    exporter.answer("1", 900)
    exporter.answer("2", 100)
    counted(source, since, 1000)
    trial = Trial("t", "step-0", "m", "2", "1", since, 10)
    later = datetime.now(UTC) + timedelta(seconds=130)
    found = evaluate({"slo": GATES["slo"]}, trial, Sources(metrics=source), later)[0]
    assert found.outcome is O.UNKNOWN
    assert "its target is away" in found.reason


def test_kinds_of_answers(source):
    now = datetime.now(UTC)
    until(lambda: source.query("up", now) or source.query("up", datetime.now(UTC)))
    now = datetime.now(UTC)
    assert source.query("vector(2)", now)[0].samples[-1][1] == 2
    assert source.query("3", now)[0].samples[0][1] == 3
    assert source.query("0 / vector(0)", now)[0].samples[0][1] != 0
    assert source.query("nothing_at_all", now) == ()
    assert len(source.query("up[1m]", now)[0].samples) >= 1
    for query in ("sum(", "rate(up)", '"text"'):
        with pytest.raises(BadInput):
            source.query(query, now)


@contextmanager
def answering(status, body):
    """A server that gives one answer to everything; None: it never answers."""
    hold = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            if body is None:
                hold.wait(10)
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *args):
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        hold.set()
        server.shutdown()
        server.server_close()


WHOLE = {"status": "success", "data": {"resultType": "vector", "result": []}}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(200, None, "does not answer", id="too slow"),
        pytest.param(200, WHOLE | {"warnings": ["a store is away"]}, "a part of the answer", id="half an answer"),
        pytest.param(200, b"<html>", "is no Prometheus", id="not JSON"),
        pytest.param(200, {"status": "success", "data": {"resultType": "vector"}}, "is no Prometheus", id="cut off"),
        pytest.param(503, {"status": "error", "errorType": "timeout", "error": "x"}, "timeout: x", id="timeout"),
        pytest.param(502, b"bad gateway", "HTTP 502", id="a gateway before it"),
        pytest.param(500, {"status": "error", "error": "disk"}, "disk", id="it failed"),
    ],
)
def test_what_is_not_a_whole_answer_is_not_ready(status, body, said):
    with answering(status, body) as url, pytest.raises(NotReady, match=said):
        Prometheus(url, timeout_s=0.5).query("up", datetime.now(UTC))
