"""Losses on the same requests, judged after every pair: how often wrong, and how soon right. Seeds are fixed."""

import numpy as np
import pytest

from bench._traffic import models, pair_runs
from scoreops.core.losses import (
    BRIER_BOUND,
    brier_differences,
    log_loss_bound,
    log_loss_differences,
    log_losses,
    split_bound,
    split_differences,
)

ALPHA = 0.01
RUNS = 300
LOOKS = 10_000


def equal_brier(rng, shape):
    """Two models that are as good as each other, with errors of their own."""
    labels, one, _ = models(rng, shape)
    first, second = 0.3 * rng.random(shape), 0.3 * rng.random(shape)
    return brier_differences(labels, 0.7 * one + first, 0.7 * one + second)


def skewed(rng, shape):
    """Once in 500 requests the candidate is right where stable is utterly wrong; else a little worse. Mean 0."""
    return np.where(rng.random(shape) < 1 / 500, -1.0, 1 / 499)


DRAWS = [
    pytest.param(equal_brier, id="Brier of equal models"),
    pytest.param(skewed, id="rare large gains"),
    pytest.param(lambda rng, shape: -skewed(rng, shape), id="rare large losses"),
    pytest.param(lambda rng, shape: rng.choice([-1.0, 1.0], shape), id="all at the bounds"),
]


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("above", [True, False], ids=["fail", "pass"])
def test_a_mean_on_the_limit_is_seldom_decided_at_ten_thousand_looks(draw, above):
    found = pair_runs(1, draw, 1.0, limit=0.0, alpha=ALPHA, runs=RUNS, looks=LOOKS, above=above)
    assert np.isfinite(found).mean() <= 2 * ALPHA


@pytest.mark.parametrize("above", [True, False], ids=["fail", "pass"])
def test_a_mean_on_the_margin_is_seldom_decided(above):
    def draw(rng, shape):
        return 0.05 + 0.2 * rng.normal(size=shape).clip(-4, 4)

    found = pair_runs(2, draw, 1.0, limit=0.05, alpha=ALPHA, runs=RUNS, looks=LOOKS, above=above)
    assert np.isfinite(found).mean() <= 2 * ALPHA


@pytest.mark.parametrize("draw", DRAWS)
def test_the_confidence_sequence_covers_the_mean_at_all_times(draw):
    """An end leaves the mean behind exactly when the e-value at the mean decides, so both ends are asked for it."""
    level = 0.1
    for above in (True, False):
        found = pair_runs(3, draw, 1.0, limit=0.0, alpha=level, runs=200, looks=5_000, above=above)
        assert np.isfinite(found).mean() <= level


def log_loss_fifth_worse(rng, shape):
    return log_loss_differences(*models(rng, shape, noise=1.1))


def log_loss_on_a_split(noise, real_share=0.1):
    """Each request has one answer, one in ten from the candidate; stable's usual loss is known roughly."""

    def draw(rng, shape):
        labels, stable, candidate = models(rng, shape, noise)
        asked = rng.random(shape) < real_share
        return split_differences(log_losses(labels, np.where(asked, candidate, stable)), asked, share=0.1, usual=0.55)

    return draw


@pytest.mark.parametrize("real_share", [0.1, 0.095])
def test_equal_models_on_a_split_seldom_fail(real_share):
    draw = log_loss_on_a_split(0.0, real_share)
    bound = split_bound(log_loss_bound(), 0.1)
    found = pair_runs(6, draw, bound, limit=0.0, alpha=ALPHA, runs=RUNS, looks=LOOKS, above=True)
    assert np.isfinite(found).mean() <= 2 * ALPHA


def brier_slightly_worse(rng, shape):
    return brier_differences(*models(rng, shape, noise=0.335))


def test_the_planted_regressions_are_what_they_are_called():
    rng = np.random.default_rng(4)
    labels, stable, _ = models(rng, 400_000)
    stable_loss = -np.where(labels == 1, np.log(stable), np.log(1 - stable)).mean()
    assert log_loss_fifth_worse(rng, 400_000).mean() / stable_loss == pytest.approx(0.2, abs=0.01)
    assert brier_slightly_worse(rng, 400_000).mean() == pytest.approx(0.0044, abs=0.0003)


@pytest.mark.parametrize(
    ("draw", "bound", "above", "limit", "median", "p90"),
    [
        pytest.param(log_loss_fifth_worse, log_loss_bound(), True, 0.0, 450, 700, id="20 % more log loss fails"),
        pytest.param(
            log_loss_on_a_split(1.1), 10 * log_loss_bound(), True, 0.0, 5_500, 10_000, id="20 % on a split fails"
        ),
        pytest.param(brier_slightly_worse, BRIER_BOUND, True, 0.0, 3_000, 5_000, id="Brier + 0.0044 fails"),
        pytest.param(equal_brier, BRIER_BOUND, False, 0.01, 2_000, 3_500, id="an equal Brier score passes"),
        pytest.param(brier_slightly_worse, BRIER_BOUND, False, 0.01, 2_200, 3_700, id="worse within the margin passes"),
    ],
)
def test_how_many_pairs_are_needed(draw, bound, above, limit, median, p90):
    found = pair_runs(5, draw, bound, limit=limit, alpha=ALPHA, runs=200, looks=LOOKS, above=above)
    assert (np.quantile(found, (0.5, 0.9), method="higher") <= (median, p90)).all()
