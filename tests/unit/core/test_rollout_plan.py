"""How verdicts combine, and which plans make sense."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from scoreops.core.rollout_gates import combine
from scoreops.core.rollout_spec import Gate, Mode, Plan
from scoreops.core.verdict import Outcome, Verdict

GATES = [{"name": "brier"}]


def one(name, outcome, n=10, need=10):
    return Verdict(name, outcome, n, need, None, None, "said")


def gate(name, **given):
    return Gate(name=name, **given)


COMBINED = [
    pytest.param([one("a", Outcome.PASS)], [gate("a")], True, Outcome.PASS, id="all pass"),
    pytest.param([one("a", Outcome.PASS, 0, 0)], [gate("a")], True, Outcome.INSUFFICIENT, id="no samples, no pass"),
    pytest.param([one("a", Outcome.PASS, 9)], [gate("a")], True, Outcome.INSUFFICIENT, id="one sample too few"),
    pytest.param([], [gate("a")], True, Outcome.UNKNOWN, id="no verdict"),
    pytest.param([], [gate("a", mode=Mode.DRY_RUN)], True, Outcome.PASS, id="only a dry run"),
    pytest.param(
        [one("a", Outcome.FAIL), one("b", Outcome.PASS)],
        [gate("a", mode=Mode.DRY_RUN), gate("b")],
        True,
        Outcome.PASS,
        id="a dry run decides nothing",
    ),
    pytest.param([one("a", Outcome.FAIL)], [gate("a")], True, Outcome.FAIL, id="fails when judged"),
    pytest.param([one("a", Outcome.FAIL)], [gate("a")], False, Outcome.PASS, id="not critical, not yet"),
    pytest.param([one("a", Outcome.FAIL)], [gate("a", critical=True)], False, Outcome.FAIL, id="critical, at once"),
    pytest.param(
        [one("a", Outcome.UNKNOWN), one("b", Outcome.FAIL)],
        [gate("a"), gate("b", critical=True)],
        False,
        Outcome.FAIL,
        id="a critical failure beats an outage",
    ),
    pytest.param(
        [one("a", Outcome.INSUFFICIENT), one("b", Outcome.UNKNOWN), one("c", Outcome.INVALID)],
        [gate("a"), gate("b"), gate("c")],
        True,
        Outcome.INVALID,
        id="the worst is said",
    ),
]


@pytest.mark.parametrize(("verdicts", "gates", "final", "expected"), COMBINED)
def test_verdicts_combine(verdicts, gates, final, expected):
    assert combine(verdicts, tuple(gates), final=final)[0] is expected


def test_the_short_form_is_ten_then_all():
    plan = Plan.model_validate({"steps": [10, 100], "guards": GATES})
    assert [step.weight for step in plan.steps] == [10, 100]


BAD = [
    pytest.param({"steps": [10, 50], "guards": GATES}, "end at 100", id="does not end at 100"),
    pytest.param({"steps": [50, 10, 100], "guards": GATES}, "must rise", id="falls"),
    pytest.param({"steps": [10, 10, 100], "guards": GATES}, "must rise", id="stands still"),
    pytest.param({"steps": [10, 100]}, "weight 10 has no gate", id="a rise that nobody judges"),
    pytest.param({"steps": [{"weight": 100, "approval": True}]}, "bake judges it", id="approval of the last step"),
    pytest.param({"steps": [{"weight": 100, "mirror": 5}]}, "bake judges it", id="copies for who has it all"),
    pytest.param({"steps": [100], "shadow": {"gates": []}}, "shadow has no gate", id="a shadow that nobody judges"),
    pytest.param({"steps": [100], "stepz": 1}, "stepz", id="a typing error"),
    pytest.param({"steps": []}, "at least 1", id="no step"),
]


@pytest.mark.parametrize(("given", "said"), BAD)
def test_a_plan_that_makes_no_sense_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        Plan.model_validate(given)
