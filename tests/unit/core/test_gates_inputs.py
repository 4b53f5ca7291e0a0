"""Gates on inputs: drift, freshness, skew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scoreops.core.gates.evidence import Drifted, Fresh, Moved, Skewed
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import NOW, Told, known, verdict


def drift(rows, **moved):
    features = tuple(Moved(feature=name, psi=0.5, p_value=0.0, moved=flag) for name, flag in moved.items())
    return Drifted(rows=rows, need=200, moved=features, importance={"a": 0.9, "b": 0.1})


@pytest.mark.parametrize(
    ("spec", "seen", "outcome"),
    [
        pytest.param({}, drift(400, a=False, b=False), O.PASS, id="nothing moved"),
        pytest.param({}, drift(400, a=True, b=False), O.FAIL, id="what matters moved"),
        pytest.param({}, drift(400, a=False, b=True), O.PASS, id="what hardly matters moved"),
        pytest.param({"weighted": False}, drift(400, a=False, b=True), O.FAIL, id="half of the features moved"),
        pytest.param({}, drift(199, a=True, b=True), O.INSUFFICIENT, id="too few rows to tell"),
        pytest.param({}, Drifted(need=200), O.INSUFFICIENT, id="no row"),
        pytest.param({}, Drifted(problem="MLflow is away"), O.UNKNOWN, id="no reference"),
    ],
)
def test_drift(spec, seen, outcome):
    found = verdict({"drift": spec}, evidence=known(drift=seen))
    assert found.outcome is outcome
    assert found.need == (0 if outcome is O.UNKNOWN else 200)


@pytest.mark.parametrize(
    ("spec", "seen", "outcome"),
    [
        pytest.param({"maxFeatureSeconds": 60}, Fresh(known=1000, stale=5), O.PASS, id="fresh features"),
        pytest.param({"maxFeatureSeconds": 60}, Fresh(known=1000, stale=300), O.FAIL, id="stale features"),
        pytest.param({"maxFeatureSeconds": 60}, Fresh(known=10, stale=0), O.INSUFFICIENT, id="few answers"),
        pytest.param({"maxFeatureSeconds": 60}, Fresh(), O.INSUFFICIENT, id="no answer said when"),
        pytest.param({"maxLabelSeconds": 60}, Fresh(newest_label=NOW - timedelta(seconds=30)), O.PASS, id="label"),
        pytest.param(
            {"maxLabelSeconds": 60}, Fresh(newest_label=NOW - timedelta(hours=2)), O.INSUFFICIENT, id="late labels wait"
        ),
        pytest.param({"maxLabelSeconds": 60}, Fresh(), O.INSUFFICIENT, id="no label"),
        pytest.param(
            {"maxLabelSeconds": 60, "maxFeatureSeconds": 60},
            Fresh(known=1000, stale=300, newest_label=NOW),
            O.FAIL,
            id="the worst of both",
        ),
    ],
)
def test_freshness(spec, seen, outcome):
    told = known(fresh=seen)
    assert verdict({"freshness": spec}, evidence=told).outcome is outcome
    assert told.wanted.feature_seconds == spec.get("maxFeatureSeconds")


@pytest.mark.parametrize(
    ("seen", "outcome", "said"),
    [
        pytest.param(Skewed(rows=100, values=1000, differing=5), O.PASS, "0.005", id="hardly any"),
        pytest.param(Skewed(rows=100, values=1000, differing=50, worst="age"), O.FAIL, "most in age", id="some"),
        pytest.param(Skewed(rows=10, values=100, differing=50), O.INSUFFICIENT, "30 needed", id="few rows"),
        pytest.param(Skewed(), O.INSUFFICIENT, "0 samples", id="none"),
        pytest.param(Skewed(problem="no feature store"), O.UNKNOWN, "no feature store", id="nobody to compare with"),
    ],
)
def test_skew(seen, outcome, said):
    found = verdict({"skew": {}}, evidence=known(skew=seen))
    assert (found.outcome, said in found.reason) == (outcome, True), found


@pytest.mark.parametrize("kind", ["drift", "skew", "calibration"])
def test_a_service_that_is_away_is_unknown(kind):
    assert verdict({kind: {}}, evidence=Told()).outcome is O.UNKNOWN
