"""Calibration error judged after every label: laws of its sums, its interval, and its wrong answers by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.errors import BadInput
from scoreops.core.sequential_calibration import Bins, calibration_error, calibration_interval, judge_calibration
from scoreops.core.verdict import Outcome as O  # noqa: N817

ROWS = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), max_size=40)


def bins(rows):
    return Bins().plus([y for y, _ in rows], [p for _, p in rows])


def close(a, b):
    return a.counts == b.counts and np.allclose([a.probabilities, a.labels], [b.probabilities, b.labels])


@given(ROWS, ROWS)
def test_batches_add_up_in_any_order_and_survive_json(some, others):
    assert close(bins(some) + bins(others), bins(others + some))
    assert Bins.from_dict(bins(some).as_dict()) == bins(some)
    assert bins(some).n == len(some)


@given(ROWS, st.floats(0.001, 0.4))
def test_the_error_lies_within_its_interval_which_narrows_with_alpha(rows, alpha):
    made = bins(rows)
    low, high = calibration_interval(made, alpha)
    assert 0 <= low <= high <= 1
    if made.n:
        assert low <= calibration_error(made) <= high or high == 1
    wide = calibration_interval(made, alpha / 10)
    assert wide[0] <= low
    assert wide[1] >= high


def test_no_label_says_nothing():
    assert calibration_interval(Bins(), 0.01) == (0, 1)
    found = judge_calibration("g", Bins(), 0.1, 0.01)
    assert (found.outcome, found.n, found.value) == (O.INSUFFICIENT, 0, None)
    assert found.need > 100


@pytest.mark.parametrize(("limit", "alpha"), [(0, 0.01), (1, 0.01), (0.1, 0), (0.1, 0.5)])
def test_limits_that_make_no_sense_are_invalid(limit, alpha):
    assert judge_calibration("g", bins([(1, 0.5)]), limit, alpha).outcome is O.INVALID


def test_bins_of_another_number_are_refused():
    with pytest.raises(BadInput):
        Bins((1,), (0.5,), (1.0,))


def looks(rng, off, limit, labels=4000, each=100):
    """The first decision of a run of looks."""
    p = rng.beta(1, 3, labels)
    y = rng.random(labels) < np.clip(p + off, 0, 1)
    seen = Bins()
    for start in range(0, labels, each):
        seen = seen.plus(y[start : start + each], p[start : start + each])
        found = judge_calibration("g", seen, limit, 0.01)
        if found.outcome is not O.INSUFFICIENT:
            return found.outcome
    return O.INSUFFICIENT


def test_wrong_answers_are_rare_over_all_looks_and_right_ones_come():
    rng = np.random.default_rng(3)
    fair = [looks(rng, 0.0, 0.05) for _ in range(200)]
    biased = [looks(rng, 0.15, 0.05) for _ in range(200)]
    assert O.FAIL not in fair
    assert set(biased) == {O.FAIL}
    assert {looks(rng, 0.0, 0.1) for _ in range(50)} == {O.PASS}


def test_need_is_of_the_size_of_what_it_takes():
    rng = np.random.default_rng(4)
    p = rng.beta(1, 3, 20_000)
    y = rng.random(20_000) < p
    need = judge_calibration("g", Bins().plus(y[:500], p[:500]), 0.08, 0.01).need
    took = next(
        n
        for n in range(100, 20_001, 100)
        if judge_calibration("g", Bins().plus(y[:n], p[:n]), 0.08, 0.01).outcome is O.PASS
    )
    assert 0.5 * took < need < 2 * took
