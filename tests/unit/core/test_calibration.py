"""Probabilities: logistic fits against scikit-learn, Platt's two numbers, and sums that do not depend on the batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression

from scoreops.core.calibration import Linear, fit_logistic, fit_platt, logit, sigmoid, weigh
from scoreops.core.metrics import ece


def sample(n=400, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (n, 3))
    y = (rng.random(n) < sigmoid(x @ [2.0, -1.0, 0.0] + 0.5)).astype(float)
    return x, y


@given(st.floats(1e-6, 1 - 1e-6))
def test_sigmoid_undoes_logit(p):
    assert sigmoid(logit(np.array([p])))[0] == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("p", [0.0, 1.0, -5.0, 7.0])
def test_certainty_stays_finite(p):
    assert np.isfinite(logit(np.array([p]))).all()
    assert 0 < sigmoid(np.array([1e9 * (p - 0.5)]))[0] <= 1


@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_equals_scikit_learn(l2):
    x, y = sample()
    ours, theirs = fit_logistic(x, y, l2=l2), LogisticRegression(C=1 / l2, tol=1e-10).fit(x, y)
    np.testing.assert_allclose(ours.weights, theirs.coef_[0], atol=2e-3)
    assert ours.bias == pytest.approx(theirs.intercept_[0], abs=2e-3)
    np.testing.assert_allclose(ours(x), theirs.predict_proba(x)[:, 1], atol=1e-3)


def test_without_negative_weights_a_misleading_member_is_left_out():
    x, y = sample()
    free, bound = fit_logistic(x, y), fit_logistic(x, y, nonnegative=True)
    assert free.weights[1] < -0.5
    assert bound.weights[1] == 0
    assert min(bound.weights) >= 0


def test_platt_makes_overconfident_scores_honest():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.05, 0.95, 4000)
    y = (rng.random(4000) < truth).astype(float)
    loud = sigmoid(3 * logit(truth) + 1)
    made = fit_platt(loud[:2000], y[:2000])
    calm = made(logit(loud[2000:])[:, None])
    assert ece(y[2000:], loud[2000:]) > 0.1
    assert ece(y[2000:], calm) < 0.03
    assert made.weights[0] == pytest.approx(1 / 3, abs=0.06)


def test_platt_never_turns_the_order_round():
    x = np.linspace(0.1, 0.9, 50)
    assert fit_platt(x, (x < 0.5).astype(float)).weights[0] >= 0


@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 300)), elements=st.floats(-9, 9, width=32)))
def test_a_row_alone_weighs_bit_for_bit_what_it_weighs_in_a_batch(x):
    weights = tuple(np.random.default_rng(x.shape[1]).normal(size=x.shape[1]))
    batch = weigh(x, weights)
    np.testing.assert_allclose(batch, x @ np.array(weights), atol=1e-9)
    for i in range(len(x)):
        assert weigh(x[i : i + 1], weights)[0] == batch[i]


def test_a_linear_model_is_the_sigmoid_of_its_sum():
    assert Linear((1.0, -2.0), 0.5)(np.array([[3.0, 1.0]]))[0] == pytest.approx(1 / (1 + np.exp(-1.5)))
