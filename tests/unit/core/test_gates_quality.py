"""Gates on answers with labels: worse is Fail, as good is Pass, few or late labels are Insufficient, with how many."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from scoreops.core.gates.checks import Decision
from scoreops.core.losses import log_loss_differences, log_losses
from scoreops.core.sequential_calibration import Bins
from scoreops.core.sequential_losses import Pairs
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import NOW, Told, known, paired, trial, verdict

RNG = np.random.default_rng(7)
SHADOW = {"pairedShadow": {"margin": 0.02}}
VALUE = {"expectedValue": {"decision": {"gain": 100, "cost": 40}, "margin": 5}}


def scored(n, overconfidence):
    """Log losses of a fair score of `n` labels, and what one loses more whose log-odds are so many times too large."""
    labels = RNG.random(n) < 0.3
    logits = RNG.normal(np.where(labels, 1.0, -1.0), 1.2) * 1.39 - 0.85
    fair, bold = (1 / (1 + np.exp(-times * logits)) for times in (1.0, overconfidence))
    return log_losses(labels, fair), log_loss_differences(labels, fair, bold)


def differences(n, overconfidence):
    return scored(n, overconfidence)[1]


@pytest.mark.parametrize(
    ("seen", "outcome", "said"),
    [
        pytest.param(paired(differences(3000, 2.5)), O.FAIL, "shown to be above 0", id="over-confident"),
        pytest.param(paired(np.zeros(3000)), O.PASS, "below 0.02", id="the same"),
        pytest.param(paired(differences(10, 2.5)), O.INSUFFICIENT, "after 10", id="ten pairs"),
        pytest.param(paired(np.zeros(10), answered=400), O.INSUFFICIENT, "390 of 400", id="labels are late"),
        pytest.param(paired(answered=400), O.INSUFFICIENT, "400 of 400 answers have no label", id="no label yet"),
        pytest.param(paired(), O.INSUFFICIENT, "mirror", id="no copies"),
        pytest.param(paired([np.nan]), O.INVALID, "no number", id="a loss that is none"),
        pytest.param(Told(), O.UNKNOWN, "does not answer", id="the service is away"),
        pytest.param(known(read_at=None), O.UNKNOWN, "not read its log yet", id="it has read nothing"),
        pytest.param(known(read_at=NOW - timedelta(minutes=5)), O.UNKNOWN, "300 s ago", id="it is behind"),
        pytest.param(known(), O.UNKNOWN, "stable version", id="it knows no pairs"),
    ],
)
def test_paired_shadow(seen, outcome, said):
    found = verdict(SHADOW, evidence=seen)
    assert (found.outcome, said in found.reason) == (outcome, True), found
    assert found.outcome is not O.INSUFFICIENT or found.need > found.n


def test_a_fifth_more_log_loss_fails_and_the_same_loss_passes():
    fair, lost = scored(20_000, 2.2)
    assert 0.18 < lost.mean() / fair.mean() < 0.22
    fails = [verdict(SHADOW, evidence=paired(lost[start : start + 1500])).outcome for start in range(0, 20_000, 2000)]
    assert set(fails) == {O.FAIL}
    assert verdict(SHADOW, evidence=paired(np.zeros(1700))).outcome is O.PASS
    ten_an_hour = verdict(SHADOW, evidence=paired(lost[:10], answered=10))
    assert (ten_an_hour.outcome, ten_an_hour.n) == (O.INSUFFICIENT, 10)
    assert ten_an_hour.need > 100


def test_the_loss_and_the_maturity_are_those_of_the_template():
    seen = paired(np.full(3000, 0.05), loss="brier")
    spec = {"pairedShadow": {"loss": "Brier", "margin": 0.01, "maturitySeconds": 3600}}
    assert verdict(spec, evidence=seen).outcome is O.FAIL
    assert seen.wanted.maturity_seconds == 3600
    assert verdict(SHADOW, evidence=seen).outcome is O.INSUFFICIENT


@pytest.mark.parametrize(
    ("lost", "outcome"),
    [
        pytest.param(np.where(np.arange(3000) % 5 == 0, 100.0, 0.0), O.FAIL, id="loses"),
        pytest.param(np.where(np.arange(3000) % 5 == 0, -40.0, 0.0), O.PASS, id="wins"),
        pytest.param(np.zeros(5), O.INSUFFICIENT, id="too few"),
    ],
)
def test_expected_value(lost, outcome):
    seen = paired(lost, loss="value", bound=100.0)
    assert verdict(VALUE, evidence=seen).outcome is outcome
    assert seen.wanted.decision == Decision(gain=100, cost=40)


@pytest.mark.parametrize("spec", [SHADOW, VALUE, {"slo": {}}])
def test_the_first_version_has_none_to_be_compared_with(spec):
    found = verdict(spec, trial(stable=None))
    assert (found.outcome, found.n) == (O.PASS, 1)


def answers(n, bias):
    p = RNG.uniform(0.05, 0.95, n)
    labels = (RNG.random(n) < np.clip(p + bias, 0, 1)).astype(float)
    bins, brier = Bins().plus(labels, p), Pairs(1.0).plus((p - labels) ** 2)
    return {"bins": bins, "brier": brier, "answers": 2 * n, "labelled": n}


@pytest.mark.parametrize(
    ("spec", "seen", "outcome", "said"),
    [
        pytest.param({"maxEce": 0.1}, answers(5000, 0), O.PASS, "calibration error", id="calibrated"),
        pytest.param({"maxEce": 0.1}, answers(5000, 0.25), O.FAIL, "calibration error", id="biased"),
        pytest.param({"maxEce": 0.1}, answers(50, 0), O.INSUFFICIENT, "50 of 100 answers", id="few labels"),
        pytest.param({"maxEce": 0.1}, {}, O.INSUFFICIENT, "no label yet", id="no label"),
        pytest.param({"maxEce": None, "maxBrier": 0.3}, answers(2000, 0), O.PASS, "Brier", id="Brier alone"),
        pytest.param({"maxBrier": 0.05}, answers(2000, 0), O.FAIL, "Brier score is", id="either may fail"),
        pytest.param({"maxEce": 0.1}, {"unusable": 3}, O.INVALID, "3 answers", id="no probabilities"),
    ],
)
def test_calibration(spec, seen, outcome, said):
    found = verdict({"calibration": spec}, evidence=known(**seen))
    assert (found.outcome, said in found.reason) == (outcome, True), found
