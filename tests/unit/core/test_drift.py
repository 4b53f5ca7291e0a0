"""Drift: PSI against one written out by hand, p-values that know the sample sizes, and Insufficient for few rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.drift import BINS, MIN_PSI, NEED_ROWS, Shift, drift_verdict, psi, shifts, sketch
from scoreops.core.verdict import Outcome

RNG = np.random.default_rng


def psi_by_hand(reference, values):
    """PSI over deciles of the reference and a bin of missing values, half a row added to each; shares no code."""
    finite = sorted(v for v in reference if np.isfinite(v))
    edges = sorted({float(np.quantile(finite, k / 10)) for k in range(1, 10)}) if finite else []

    def counts(rows):
        made = [0.0] * (len(edges) + 2)
        for value in rows:
            place = sum(value > edge for edge in edges) if np.isfinite(value) else len(edges) + 1
            made[place] += 1
        return made

    pairs = [(a + 0.5, b + 0.5) for a, b in zip(counts(reference), counts(values), strict=True) if a + b > 0]
    n, m = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    return sum((a / n - b / m) * np.log((a / n) / (b / m)) for a, b in pairs)


VALUES = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-9, 9), st.just(np.nan)), min_size=1, max_size=60)


@given(VALUES, VALUES)
def test_psi_is_the_one_by_hand(reference, values):
    got, p = psi(sketch(np.array(reference)), np.array(values))
    assert got == pytest.approx(psi_by_hand(reference, values), abs=1e-12)
    assert got >= -1e-15
    assert 0 <= p <= 1


@given(VALUES)
def test_a_sketch_counts_every_row_and_the_same_rows_did_not_move(values):
    made = sketch(np.array(values))
    assert sum(made.counts) == len(values)
    assert made.counts[-1] == sum(np.isnan(values))
    assert len(made.counts) == len(made.edges) + 2 <= BINS + 1
    assert psi(made, np.array(values)) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "m"), [(2000, 200), (2000, 20_000), (300, 300)])
def test_without_drift_p_values_are_uniform_whatever_the_sample_sizes(n, m):
    rng = RNG(5)
    found = np.array([psi(sketch(rng.normal(size=n)), rng.normal(size=m))[1] for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert (found < level).mean() == pytest.approx(level, abs=0.06)


def test_a_fixed_limit_would_alarm_on_a_small_sample_where_this_does_not():
    rng = RNG(1)
    reference, few = rng.normal(size=(500, 20)), rng.normal(size=(60, 20))
    sketches = {f"f{i}": sketch(reference[:, i]) for i in range(20)}
    made = shifts(sketches, list(sketches), few)
    assert any(shift.psi > 0.2 for shift in made)
    assert not any(shift.moved for shift in made)


def test_a_sure_but_tiny_shift_does_not_count_and_a_large_one_does():
    rng = RNG(2)
    reference = rng.normal(size=(50_000, 3))
    rows = rng.normal((0.05, 1.0, 0.0), 1, size=(50_000, 3))
    sketches = {name: sketch(reference[:, i]) for i, name in enumerate("abc")}
    tiny, large, none = shifts(sketches, "abc", rows)
    assert tiny.p_value < 1e-6
    assert tiny.psi < MIN_PSI
    assert [shift.moved for shift in (tiny, large, none)] == [False, True, False]


def test_values_that_went_missing_are_a_shift():
    rng = RNG(3)
    rows = rng.normal(size=(1000, 1))
    gone = np.where(rng.random((1000, 1)) < 0.4, np.nan, rows)
    (shift,) = shifts({"a": sketch(rows[:, 0])}, ["a"], gone)
    assert shift.moved


def test_false_discoveries_are_rare_over_many_features():
    rng = RNG(4)
    names = [f"f{i}" for i in range(300)]
    reference = rng.normal(size=(300, 300))
    made = shifts({name: sketch(reference[:, i]) for i, name in enumerate(names)}, names, rng.normal(size=(300, 300)))
    assert sum(shift.moved for shift in made) <= 2
    assert sum(shift.p_value < 0.01 for shift in made) >= 1


def told(*moved):
    return [Shift(f"f{i}", 0.5 if yes else 0.01, 0.0, yes) for i, yes in enumerate(moved)]


@pytest.mark.parametrize(
    ("moved", "rows", "weights", "outcome"),
    [
        pytest.param((True,) + (False,) * 4, 500, None, Outcome.PASS, id="a fifth moved"),
        pytest.param((True,) * 2 + (False,) * 4, 500, None, Outcome.FAIL, id="a third moved"),
        pytest.param((True,) * 6, NEED_ROWS - 1, None, Outcome.INSUFFICIENT, id="too few rows, whatever they say"),
        pytest.param((False,) * 6, NEED_ROWS - 1, None, Outcome.INSUFFICIENT, id="too few rows is no pass either"),
        pytest.param((True, False), 500, {"f0": 1.0, "f1": 99.0}, Outcome.PASS, id="what moved hardly matters"),
        pytest.param((True, False), 500, {"f0": 99.0, "f1": 1.0}, Outcome.FAIL, id="what moved matters most"),
    ],
)
def test_verdict(moved, rows, weights, outcome):
    made = drift_verdict(told(*moved), rows, weights=weights)
    assert made.outcome is outcome
    assert (made.n, made.need) == (rows, NEED_ROWS)
    if outcome is not Outcome.INSUFFICIENT:
        assert "most: f0, PSI 0.50" in made.reason or not any(moved)
