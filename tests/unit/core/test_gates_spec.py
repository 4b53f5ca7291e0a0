"""Templates: exactly one kind, and no two limits that contradict each other; sources in trouble never cross gates."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from scoreops.core.gates import KINDS, ONE_OF, GateSpec, Sources, evaluate
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import NOW, Counted, requests, trial

LEAST = {
    "slo": {},
    "trafficMin": {"requests": 5},
    "promQuery": {"query": "x", "atMost": 1},
    "contract": {},
    "offlineEval": {"metric": "brier"},
    "calibration": {},
    "pairedShadow": {},
    "expectedValue": {"decision": {"gain": 1, "cost": 1}, "margin": 0.1},
    "drift": {},
    "freshness": {"maxLabelSeconds": 60},
    "skew": {},
    "approval": {},
    "schedule": {},
}


def test_the_least_of_every_kind_is_a_template_and_survives_json():
    assert tuple(LEAST) == KINDS
    for kind, check in LEAST.items():
        spec = GateSpec.model_validate({kind: check})
        assert spec.kind == kind
        assert GateSpec.model_validate_json(spec.model_dump_json(by_alias=True, exclude_none=True)) == spec
        assert f"has(self.{kind})" in ONE_OF


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="none"),
        pytest.param({"slo": {}, "drift": {}}, id="two"),
        pytest.param({"slo": {"alhpa": 0.1}}, id="a key that does not exist"),
        pytest.param({"slo": {"alpha": 0}}, id="no chance of error"),
        pytest.param({"promQuery": {"query": "x"}}, id="no limit on a number"),
        pytest.param({"offlineEval": {"metric": "x", "mayLose": None}}, id="no limit on a metric"),
        pytest.param({"calibration": {"maxEce": None}}, id="nothing calibrated"),
        pytest.param({"freshness": {}}, id="nothing fresh"),
        pytest.param(
            {"expectedValue": {"decision": {"gain": 1, "cost": 1}, "margin": 1}}, id="a margin of all there is"
        ),
        pytest.param({"schedule": {"windows": [{"days": ["Someday"]}]}}, id="no such day"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(given):
    with pytest.raises(ValidationError):
        GateSpec.model_validate(given)


def test_each_gate_has_one_verdict_under_its_name_whatever_becomes_of_the_others():
    gates = {f"my-{kind}": GateSpec.model_validate({kind: check}) for kind, check in LEAST.items()}
    found = evaluate(gates, trial(), Sources(metrics=Counted(away=True)), NOW)
    assert [one.gate for one in found] == list(gates)
    outcomes = {one.gate.removeprefix("my-"): one.outcome for one in found}
    assert {kind for kind, outcome in outcomes.items() if outcome is O.UNKNOWN} == {"slo", "trafficMin", "promQuery"}
    assert outcomes["schedule"] is O.PASS
    assert outcomes["approval"] is O.INSUFFICIENT
    assert {outcomes[kind] for kind in ("contract", "drift", "pairedShadow")} == {O.INVALID}


def test_labels_narrow_what_is_read():
    world = requests((10, 0), (10, 0))
    spec = GateSpec.model_validate({"trafficMin": {"requests": 1, "labels": {"namespace": "$namespace", "pod": 'a"b'}}})
    evaluate({"g": spec}, trial(namespace="risk"), Sources(metrics=world), NOW)
    (query,) = world.asked
    assert query == 'predictor_requests_total{model="m",version="2",namespace="risk",pod="a\\"b"}[7200s]'
