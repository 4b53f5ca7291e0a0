"""Intervals: they hold what they promise on values that they have not seen, and never say less than nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.conformal import Band, Median, fit_band, fit_median
from scoreops.core.errors import BadInput


def outcomes(rng, n):
    """Forecasts and skewed outcomes whose errors grow with their size."""
    forecast = rng.gamma(2, 50, n)
    return forecast * rng.lognormal(-0.18, 0.6, n), forecast


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("n", [40, 400])
def test_coverage_is_at_least_what_is_promised(level, n):
    """Split conformal: over many calibration samples the mean coverage lies in [level, level + 2 / (n + 1)]."""
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        actual, forecast = outcomes(rng, 300)
        low, high = fit_band(*outcomes(rng, n), level=level)(forecast)
        covered.append(((actual >= low) & (actual <= high)).mean())
    assert level - 0.01 <= np.mean(covered) <= level + 2 / (n + 1) + 0.015


def test_the_interval_of_a_large_forecast_is_wider():
    band = fit_band(*outcomes(np.random.default_rng(1), 500), level=0.8)
    low, high = band(np.array([10.0, 1000.0]))
    assert high[1] - low[1] > 5 * (high[0] - low[0])


@given(st.floats(0, 1e9), st.floats(-50, 0), st.floats(0, 50))
def test_ends_are_in_order_and_never_negative(forecast, low, high):
    ends = Band(low, high, 1.0, 0.75)(np.array([forecast]))
    assert 0 <= ends[0][0] <= ends[1][0]


def test_twenty_errors_are_needed():
    few = np.arange(19.0)
    with pytest.raises(BadInput, match="19 held-out errors; 20"):
        fit_band(few, few, level=0.8)
    more = np.arange(20.0)
    assert fit_band(more, more, level=0.8) == Band(0.0, 0.0, 1.0, 0.75)


def test_the_median_of_rare_things_is_none_of_them():
    rng = np.random.default_rng(2)
    rate = rng.uniform(0, 5, 20_000)
    fitted = fit_median(rng.poisson(rate).astype(float), rate)
    asked = np.array([0.1, 0.3, 3.0])
    assert fitted(asked)[:2].tolist() == [0.0, 0.0]
    assert fitted(asked)[2] == pytest.approx(3, abs=0.5)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=60))
def test_the_median_never_falls(pairs):
    forecast, actual = np.array(pairs).T
    made = fit_median(actual, forecast)(np.linspace(0, 200, 50))
    assert (np.diff(made) >= -1e-9).all()


def test_beyond_the_last_knot_the_median_grows_in_proportion():
    fitted = Median((10.0, 20.0), (5.0, 8.0))
    assert fitted(np.array([0.0, 15.0, 20.0, 40.0])).tolist() == [5.0, 6.5, 8.0, 16.0]
