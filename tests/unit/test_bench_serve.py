"""The parts of `scoreops bench serve` that need neither a server nor Go."""

from __future__ import annotations

import json

import pytest

from bench import _load
from bench._questions import BINARY, DOORS, GRPC, JSON, protoset, question
from bench.rivals import booster
from predictors.protocol import message
from scoreops.core.errors import NotReady, Refused

VEGETA = {
    "latencies": {"50th": 1_500_000, "99th": 9_000_000},
    "requests": 100,
    "throughput": 50.0,
    "status_codes": {"200": 100},
    "errors": [],
}
GHZ = {
    "count": 100,
    "rps": 50.0,
    "statusCodeDistribution": {"OK": 100},
    "latencyDistribution": [{"percentage": 50, "latency": 1_500_000}, {"percentage": 99, "latency": 9_000_000}],
}
MODULE = ("go.mod", "go.sum")


@pytest.mark.parametrize(
    ("report", "said", "changed", "failed", "per_s"),
    [
        pytest.param(_load.http_report, VEGETA, {}, 0, 50.0, id="HTTP"),
        pytest.param(_load.grpc_report, GHZ, {}, 0, 50.0, id="gRPC"),
        pytest.param(_load.http_report, VEGETA, {"status_codes": {"200": 90, "429": 10}}, 10, 50.0, id="HTTP, refused"),
        pytest.param(
            _load.grpc_report,
            GHZ,
            {"statusCodeDistribution": {"OK": 90, "Unavailable": 10}},
            10,
            45.0,
            id="gRPC, refused",
        ),
    ],
)
def test_only_successes_count_as_answers(report, said, changed, failed, per_s):
    found = report(json.dumps(said | changed))
    assert found == (100 - failed, failed, per_s, 1.5, 9.0)


@pytest.mark.parametrize(
    ("report", "said", "changed"),
    [
        (_load.http_report, VEGETA, {"status_codes": {"0": 100}, "errors": ["connection refused"]}),
        (_load.grpc_report, GHZ, {"statusCodeDistribution": {"Unavailable": 100}, "errorDistribution": {"refused": 1}}),
    ],
)
def test_a_run_without_an_answer_is_no_run(report, said, changed):
    with pytest.raises(Refused, match="refused"):
        report(json.dumps(said | changed))


@pytest.mark.parametrize("changed", MODULE)
def test_other_pinned_versions_are_built_in_another_folder(monkeypatch, tmp_path, changed):
    for name in MODULE:
        (tmp_path / name).write_text("module")
    monkeypatch.setattr(_load, "SOURCES", tmp_path)
    before = _load.folder()
    (tmp_path / changed).write_text("module other")
    assert _load.folder() != before


def test_without_go_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match="apt-get install golang"):
        _load.build()


@pytest.mark.parametrize("door", DOORS)
def test_every_form_of_a_question_holds_the_same_rows(door):
    rows = booster.rows(3)
    asked = question(door, rows)
    if door == GRPC:
        found = message("ModelInferRequest").FromString(asked.body)
        assert (list(found.inputs[0].shape), found.raw_input_contents[0]) == ([3, 29], rows.tobytes())
        assert b"ModelInfer" in protoset()
        return
    size = int(asked.headers.get("Inference-Header-Content-Length", len(asked.body)))
    tensor = json.loads(asked.body[:size])["inputs"][0]
    assert tensor["shape"] == [3, 29]
    assert (door == BINARY) == (tensor["parameters"].get("binary_data_size") == rows.nbytes)
    assert asked.body[size:] == (rows.tobytes() if door == BINARY else b"")
    assert (door == JSON) == (tensor.get("data") == rows.ravel().tolist())


def test_the_model_is_the_same_each_time():
    rows = booster.rows(2)
    assert (
        booster.probabilities(booster.train(), rows).tolist() == booster.probabilities(booster.train(), rows).tolist()
    )
