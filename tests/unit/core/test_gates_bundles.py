"""Gates on the bundle: the evaluation of the registry, and the server that must serve just what was registered."""

from __future__ import annotations

import numpy as np
import pytest

from scoreops.core.bundle import MANIFEST, Manifest, digest
from scoreops.core.gates import Registered
from scoreops.core.spec import Schema
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import Server, Shelf, trial, verdict
from tests.tiny import tiny_bundle

FILES = tiny_bundle()
TINY = Manifest.model_validate_json(FILES[MANIFEST])
OUTPUTS = {name: np.array(values) for name, values in TINY.golden.outputs.items()}
SERVED = {"model_version": "2", "digest": digest(FILES), "schema_hash": TINY.schema_hash}
OTHER = TINY.model_copy(update={"columns": ("b", "a", "c"), "schema_hash": Schema(("b", "a", "c")).hash})
BLANK = TINY.model_copy(update={"golden": TINY.golden.model_copy(update={"inputs": {}})})


def shelf(manifest=TINY, metrics=None, rows=100, stable=TINY):
    made = Registered(manifest, digest(FILES), metrics or {}, rows)
    return Shelf({"2": made, "1": Registered(stable, "", {}, 0)})


@pytest.mark.parametrize(
    ("spec", "registry", "server", "stage", "outcome", "said"),
    [
        pytest.param({}, shelf(), Server(SERVED, OUTPUTS), "shadow", O.PASS, "as they were", id="as registered"),
        pytest.param({}, shelf(), Server(away=True), "shadow", O.UNKNOWN, "no prediction server", id="server away"),
        pytest.param({}, Shelf(away=True), Server(), "shadow", O.UNKNOWN, "MLflow", id="registry away"),
        pytest.param({}, Shelf(), Server(), "shadow", O.INVALID, "no version 2", id="no such version"),
        pytest.param({}, shelf(), Server(away=True), "preflight", O.PASS, "whole", id="nothing served yet"),
        pytest.param({}, shelf(BLANK), Server(), "preflight", O.FAIL, "no golden request", id="nothing golden"),
        pytest.param(
            {}, shelf(), Server(SERVED | {"digest": "x"}, OUTPUTS), "shadow", O.FAIL, "digest is 'x'", id="other bytes"
        ),
        pytest.param(
            {},
            shelf(),
            Server(SERVED, OUTPUTS | {"score": OUTPUTS["score"] + 0.1}),
            "shadow",
            O.FAIL,
            "golden request: score[0]",
            id="other answers",
        ),
        pytest.param({}, shelf(), Server(SERVED, {}), "shadow", O.FAIL, "no output", id="an output is missing"),
        pytest.param({}, shelf(stable=OTHER), Server(SERVED, OUTPUTS), "shadow", O.PASS, "", id="another schema"),
        pytest.param(
            {"sameSchema": True},
            shelf(stable=OTHER),
            Server(SERVED, OUTPUTS),
            "preflight",
            O.FAIL,
            "stable",
            id="bound",
        ),
    ],
)
def test_contract(spec, registry, server, stage, outcome, said):
    found = verdict({"contract": spec}, trial(stage, 0), registry=registry, server=server)
    assert (found.outcome, said in found.reason) == (outcome, True), found


BOTH = {"brier": 0.2, "champion_brier": 0.19, "auc": 0.9, "champion_auc": 0.8}


@pytest.mark.parametrize(
    ("spec", "metrics", "rows", "outcome"),
    [
        pytest.param({"metric": "brier", "mayLose": 0.02}, BOTH, 100, O.PASS, id="not much worse"),
        pytest.param({"metric": "brier"}, BOTH, 100, O.FAIL, id="worse"),
        pytest.param({"metric": "brier", "mayLose": 0.02}, BOTH, 59, O.INSUFFICIENT, id="few rows"),
        pytest.param({"metric": "auc", "better": "Higher"}, BOTH, 100, O.PASS, id="higher is better"),
        pytest.param(
            {"metric": "auc", "better": "Higher", "limit": 0.95, "mayLose": None}, BOTH, 100, O.FAIL, id="a limit alone"
        ),
        pytest.param({"metric": "brier", "mayLose": 0.02, "limit": 0.1}, BOTH, 100, O.FAIL, id="the worst of both"),
        pytest.param({"metric": "log_loss"}, BOTH, 100, O.INVALID, id="no such metric"),
        pytest.param({"metric": "brier"}, {"brier": 0.2}, 100, O.INVALID, id="never compared"),
        pytest.param(
            {"metric": "brier", "mayLose": 0.1},
            {"brier": float("nan"), "champion_brier": 0.1},
            100,
            O.INSUFFICIENT,
            id="NaN",
        ),
    ],
)
def test_offline_eval(spec, metrics, rows, outcome):
    assert verdict({"offlineEval": spec}, registry=shelf(metrics=metrics, rows=rows)).outcome is outcome


def test_the_first_version_passes_an_evaluation_without_a_champion():
    found = verdict({"offlineEval": {"metric": "brier"}}, trial(stable=None), registry=shelf(metrics={"brier": 0.2}))
    assert (found.outcome, found.value) == (O.PASS, 0.2)


def test_a_registry_that_is_away_is_unknown():
    assert verdict({"offlineEval": {"metric": "brier"}}, registry=Shelf(away=True)).outcome is O.UNKNOWN
