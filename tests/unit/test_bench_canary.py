"""The rules that `scoreops bench canary` compares, on traffic written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench import canary
from bench._traffic import NEVER, first, first_decisions, pair_runs
from scoreops.core.sequential_losses import Pairs, log_e_above
from scoreops.core.sequential_rates import by_answer


def seen(*errors):
    """Counts (1, looks, 4): 200 answers of the candidate in a window, of which `errors` at its end are bad."""
    steps = np.tile([90.0, 1.0, 10.0, 0.0], (len(errors) * canary.WINDOW, 1))
    steps[canary.WINDOW - 1 :: canary.WINDOW, 3] = errors
    return np.cumsum(steps, axis=0)[None]


@pytest.mark.parametrize(
    ("failures", "errors", "at"),
    [
        pytest.param(1, (3, 4, 2), 4000, id="the first window above"),
        pytest.param(2, (4, 2, 4), 6000, id="not in a row"),
        pytest.param(2, (4, 2, 3), NEVER, id="the threshold itself is not above it"),
    ],
)
def test_thresholds_count_windows(failures, errors, at):
    assert canary._threshold(seen(*errors), 0.015, failures) == pytest.approx(at)


def test_z_is_that_of_two_proportions_and_nothing_where_nothing_was_seen():
    counts = np.array([[[0, 0, 0, 0], [9, 0, 0, 0], [9, 0, 1, 0], [1800, 18, 200, 4]]], dtype=float)
    rate = 22 / 2000
    want = (0.02 - 0.01) / np.sqrt(rate * (1 - rate) * (1 / 1800 + 1 / 200))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(canary._z(counts[:, 1:]), [[0, 0, want]])


def test_what_is_left_out_as_impossible_would_not_have_decided():
    rng = np.random.default_rng(1)
    m = rng.integers(1, 300, 5000)
    n = rng.integers(1, 300, 5000)
    counts = np.stack([n, rng.binomial(n, 0.1), m, rng.binomial(m, 0.2)], axis=-1)[:, None].astype(float)

    def test(found):
        return by_answer(found, 0.5)

    got = first_decisions(counts, test, 0.0, 0.01, above=True)
    want = first(test(counts) >= np.log(100), counts[..., 0] + counts[..., 2])
    np.testing.assert_array_equal(got, want)
    assert 0 < np.isfinite(got).sum() < 5000


def test_pairs_in_bulk_decide_where_the_state_does():
    def draw(rng, shape):
        return rng.normal(0.05, 0.2, shape).clip(-1, 1)

    found = pair_runs(1, draw, 1.0, limit=0.0, alpha=0.01, runs=20, looks=1000, above=True)
    state = Pairs(1.0).plus(draw(np.random.default_rng(1), (20, 1000))[0][: int(found[0])])
    log_e = log_e_above(np.array(state.up), np.array(float(state.n)), 0.0, 1.0)
    assert log_e >= np.log(100)
    assert np.isfinite(found).all()
