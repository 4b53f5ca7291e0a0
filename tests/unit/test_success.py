"""The success forecast: what it is to foretell, when it falls back, and that a row alone is forecast as in a batch."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.conformal import Band, Median
from scoreops.core.errors import BadInput
from scoreops.core.onnx_export import lightgbm_graph
from scoreops.kol.success import SuccessModel, SuccessScorer, degrade, order_value
from scoreops.kol.success_curves import Curve
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS, success_features, success_targets
from tests.making import HOUR, cube

WIDTH = len(SUCCESS_FEATURES)
LAG = SUCCESS_FEATURES.columns.index("clicks_past_24h")
WEEK = 168


@pytest.fixture(scope="module")
def model():
    """Boosters that have learned the clicks of the past day, without Prophet."""
    import lightgbm

    rng = np.random.default_rng(5)
    rows = rng.uniform(0, 50, (500, WIDTH))
    settings = {"objective": "regression", "verbosity": -1, "seed": 1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, np.log1p(rows[:, LAG])), 100)
    exported = lightgbm_graph(booster, rows)
    same = dict.fromkeys
    return SuccessModel(
        boosters=same(TARGETS, exported),
        prophets={},
        prophet_until=HOUR,
        blends=same(TARGETS, (0.7, 0.1, 0.3)),
        baselines=same(TARGETS, (0.0, 0.1, 0.9)),
        bands=same(TARGETS, Band(-0.5, 0.7, 1.0, 0.75)),
        baseline_bands=same(TARGETS, Band(-1.0, 1.5, 1.0, 0.75)),
        medians=same(("clicks_1h", "orders_1h", "clicks_24h", "orders_24h"), Median((0.0, 100.0), (0.0, 90.0))),
        order_value=300_000.0,
    )


@pytest.fixture(scope="module")
def scorer(model):
    return SuccessScorer(model)


def rows(n, seed=1):
    return np.random.default_rng(seed).uniform(0, 50, (n, WIDTH))


def test_a_row_alone_is_forecast_bit_for_bit_as_in_the_batch(scorer):
    many = rows(50)
    many[np.random.default_rng(3).random(many.shape) < 0.2] = np.nan
    many[:, SUCCESS_FEATURES.columns.index("as_of_hour")] = HOUR
    batch = scorer.score(many)
    assert 0 < batch.degraded.sum() < 50
    for i in range(50):
        alone = scorer.score(many[i : i + 1])
        for name in ("value", "low", "high", "median", "degraded"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[i], err_msg=name)


def test_forecasts_lie_within_their_intervals_and_are_never_negative(scorer):
    made = scorer.score(rows(30))
    assert (made.low >= 0).all()
    assert (made.low <= made.value).all()
    assert (made.value <= made.high).all()
    assert (made.median >= 0).all()


def test_without_lags_the_baseline_answers_and_says_so(scorer):
    blind = rows(4)
    blind[:2, LAG] = np.nan
    made, asked = scorer.score(blind), scorer.score(blind, baseline=True)
    assert made.degraded.tolist() == [True, True, False, False]
    assert asked.degraded.all()
    np.testing.assert_array_equal(made.value[:2], asked.value[:2])
    week_ago = blind[:, SUCCESS_FEATURES.columns.index("orders_week_ago_24h")]
    np.testing.assert_allclose(asked.value[:, TARGETS.index("orders_24h")], 0.9 * week_ago)
    assert (made.value[2:] != asked.value[2:]).all()


def test_the_median_counts_whole_things_and_no_order_means_no_revenue(model):
    shy = Median((0.0, 100.0), (0.0, 0.1))
    made = SuccessScorer(replace(model, medians=model.medians | {"orders_1h": shy})).score(rows(10))
    for name in ("clicks_1h", "orders_1h", "clicks_24h", "orders_24h"):
        values = made.median[:, TARGETS.index(name)]
        np.testing.assert_array_equal(values, np.rint(values))
    assert (made.median[:, TARGETS.index("revenue_1h")] == 0).all()
    assert (made.median[:, TARGETS.index("revenue_24h")] > 0).all()


def test_an_order_is_worth_what_the_kol_sold_before_and_the_usual_where_little_is_known():
    asked = np.zeros((3, WIDTH))
    orders, revenue = (SUCCESS_FEATURES.columns.index(f"{name}_past_168h") for name in ("orders", "revenue"))
    asked[0, [orders, revenue]] = 997, 997 * 500_000
    asked[1, [orders, revenue]] = 3, 3 * 500_000
    asked[2, [orders, revenue]] = np.nan
    np.testing.assert_allclose(order_value(asked, 300_000.0), [499_400, 400_000, 300_000])


def test_a_bundle_answers_as_the_model_it_was_made_from(model, scorer):
    again = SuccessModel.load(model.files())
    for name in ("value", "low", "high", "median"):
        np.testing.assert_array_equal(getattr(again.score(rows(5)), name), getattr(scorer.score(rows(5)), name))
    answer = scorer.infer({"features": rows(2)}, {"baseline": True})
    assert answer["forecast"].shape == (2, len(TARGETS))
    assert answer["degraded"].all()
    with pytest.raises(BadInput, match="features"):
        scorer.score(rows(1)[:, 1:])


@pytest.mark.parametrize(
    ("now", "recent", "then"),
    [
        pytest.param(False, 0.61, True, id="too wrong: falls back"),
        pytest.param(False, 0.60, False, id="at the limit: goes on"),
        pytest.param(True, 0.5, True, id="in between: stays back"),
        pytest.param(False, 0.5, False, id="in between: stays"),
        pytest.param(True, 0.39, False, id="well again: recovers by itself"),
        pytest.param(True, 0.40, True, id="not yet"),
        pytest.param(True, float("nan"), True, id="unknown changes nothing"),
        pytest.param(False, float("nan"), False, id="unknown changes nothing, either way"),
    ],
)
def test_degrading_and_recovering(now, recent, then):
    assert degrade(now, recent, limit=0.6, recover=0.4) is then


@given(st.integers(0, 60), st.sampled_from([1, 24]), st.integers(WEEK, 2 * WEEK))
def test_a_curve_repeats_its_last_week_for_ever_and_its_first_before(ahead, horizon, size):
    values = np.random.default_rng(size).uniform(0, 9, size)
    curve = Curve(HOUR, values)

    def at(hour):
        while hour >= HOUR + size:
            hour -= WEEK
        while hour < HOUR:
            hour += WEEK
        return values[hour - HOUR]

    asked = np.array([HOUR + size - 30 + 7 * ahead, HOUR - 3 * ahead, HOUR + ahead])
    want = [sum(at(hour + k) for k in range(horizon)) for hour in asked]
    np.testing.assert_allclose(curve.total(asked, horizon), want)


def test_targets_are_what_happens_from_the_hour_on():
    clicks, revenue = np.arange(40.0), np.arange(40.0) * 1000
    made = success_targets(cube(40, clicks=clicks, orders=1, revenue=revenue), np.array([HOUR, HOUR + 16, HOUR + 17]))
    want = {"clicks_1h": [0, 16, 17], "orders_24h": [24, 24, np.nan], "revenue_1h": [0, 16_000, 17_000]}
    want["clicks_24h"] = [sum(range(24)), sum(range(16, 40)), np.nan]
    for name, values in want.items():
        np.testing.assert_array_equal(made[0, :, TARGETS.index(name)], values, err_msg=name)


def feature(made, name):
    return made[:, :, SUCCESS_FEATURES.columns.index(name)]


def test_features_by_hand():
    posted = np.zeros(200)
    posted[190] = 1
    clicks = np.stack([np.full(200, 1.0), np.full(200, 3.0), np.full(200, 5.0)])
    made = success_features(
        cube(200, kols=3, platforms=("tiktok", "tiktok", "myspace"), clicks=clicks, new_posts=posted, followers=99),
        np.array([HOUR + 180, HOUR + 195, HOUR + 200]),
    )
    assert feature(made, "clicks_past_6h").tolist() == [[6] * 3, [18] * 3, [30] * 3]
    assert feature(made, "clicks_share")[:, 0].tolist() == [0.25, 0.75, 1.0]
    assert feature(made, "clicks_week_ago_24h")[0].tolist() == [24, 24, 24]
    np.testing.assert_array_equal(feature(made, "hours_since_post")[0], [np.nan, 5, 10])
    np.testing.assert_array_equal(feature(made, "platform")[:, 0], [2, 2, np.nan])
    assert feature(made, "log_followers")[0, 0] == pytest.approx(np.log(100))
    assert feature(made, "as_of_hour")[0].tolist() == [HOUR + 180, HOUR + 195, HOUR + 200]
    # 2026-03-01T10:00Z plus 180 hours is Sunday the 8th, 22:00 UTC: Monday, five o'clock in Vietnam
    assert feature(made, "weekday")[0, 0] == 0
    assert feature(made, "hour_sin")[0, 0] == pytest.approx(np.sin(2 * np.pi * 5 / 24))
    assert np.isnan(feature(made, "trust_score_t_1")).all()


def test_sums_that_reach_back_over_the_start_are_unknown_not_smaller():
    made = success_features(cube(30, clicks=1), np.array([HOUR + 23, HOUR + 24]))
    np.testing.assert_array_equal(feature(made, "clicks_past_24h")[0], [np.nan, 24])
    assert np.isnan(feature(made, "clicks_past_168h")).all()
