"""Measures against scikit-learn, and what they say at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from scoreops.core import metrics as ours

PAIRS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])), min_size=1, max_size=40)
AMOUNTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=30)


def columns(pairs):
    return (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))


@given(PAIRS)
def test_scores_of_probabilities(pairs):
    y, p = columns(pairs)
    assert ours.brier(y, p) == pytest.approx(theirs.brier_score_loss(y, p), abs=1e-12)
    if 0 < y.sum() < len(y):
        assert ours.auc(y, p) == pytest.approx(theirs.roc_auc_score(y, p), abs=1e-12)
        assert ours.auc_lower_bound(y, p) <= ours.auc(y, p)
    else:
        assert np.isnan(ours.auc(y, p))
        assert np.isnan(ours.auc_lower_bound(y, p))


@given(AMOUNTS)
def test_errors_of_amounts(pairs):
    y, f = columns(pairs)
    assert ours.rmsle(y, f) == pytest.approx(theirs.root_mean_squared_log_error(y, f), abs=1e-9)
    for level in (0.1, 0.5, 0.9):
        assert ours.pinball(y, f, level) == pytest.approx(theirs.mean_pinball_loss(y, f, alpha=level), rel=1e-9)
    if y.sum() > 1e-6:
        want = theirs.mean_absolute_error(y, f) * len(y) / y.sum()
        assert ours.wape(y, f) == pytest.approx(want, rel=1e-9)
    assert 0 <= ours.smape(y, f) <= 2


@pytest.mark.parametrize(
    ("got", "want"),
    [
        pytest.param(ours.smape([0, 100], [0, 50]), (0 + 2 * 50 / 150) / 2, id="a pair of zeros counts nothing"),
        pytest.param(ours.smape([0], [5]), 2.0, id="all wrong"),
        pytest.param(ours.wape([0, 0], [1, 1]), np.nan, id="nothing happened"),
        pytest.param(ours.coverage([1, 2, 3, 4], [1, 3, 0, 0], [1, 4, 3, 3]), 0.5, id="bounds are inside"),
        pytest.param(ours.auc([0, 1], [0.5, 0.5]), 0.5, id="a tie is a half"),
    ],
)
def test_edges(got, want):
    np.testing.assert_allclose(got, want)


def test_the_lower_bound_of_the_auc_holds_as_often_as_it_says():
    rng = np.random.default_rng(6)
    truth = 0.7602  # of two normals one standard deviation apart: Phi(1 / sqrt 2)
    bounds = []
    for _ in range(400):
        y = np.repeat([0.0, 1.0], 60)
        bounds.append(ours.auc_lower_bound(y, rng.normal(y, 1)))
    assert np.mean(np.array(bounds) <= truth) == pytest.approx(0.95, abs=0.025)


def test_reliability_bins_hold_every_row_once():
    rng = np.random.default_rng(1)
    p = rng.random(95)
    table = ours.reliability(rng.random(95) < p, p)
    assert table.shape == (10, 3)
    assert table[:, 2].sum() == 95
    assert np.average(table[:, 0], weights=table[:, 2]) == pytest.approx(p.mean())
    assert ours.reliability([1], [0.7]).tolist() == [[0.7, 1, 1]]


def test_calibration_error_of_an_honest_score_is_not_blamed_on_chance():
    rng = np.random.default_rng(2)
    plain, fair = [], []
    for _ in range(50):
        p = rng.random(200)
        y = (rng.random(200) < p).astype(float)
        plain.append(ours.ece(y, p, debias=False))
        fair.append(ours.ece(y, p) ** 2)
    assert np.mean(plain) > 0.06
    assert np.mean(fair) ** 0.5 < 0.05
    p = np.full(2000, 0.8)
    y = (rng.random(2000) < 0.5).astype(float)
    assert ours.ece(y, p) == pytest.approx(0.3, abs=0.03)
    assert ours.ece(y, p, debias=False) == pytest.approx(0.3, abs=0.03)
