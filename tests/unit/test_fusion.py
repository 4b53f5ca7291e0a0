"""Fusion: expected value, gates, staleness, ranks; one row alone is judged as in any batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.errors import BadInput, Refused
from scoreops.kol import fusion_score
from scoreops.kol.fusion import (
    Decisions,
    FusionRevision,
    Inputs,
    expected_value,
    freshened,
    fuse,
    moving_average,
    weighted,
)
from scoreops.kol.fusion_training import Moment, fit_revision

REVISION = FusionRevision(
    revenue_weight=0.5,
    trust_weight=0.3,
    sentiment_weight=0.1,
    anomaly_weight=0.2,
    logit_weights=(2.0, 1.0, 0.5),
    logit_bias=-1.0,
    revenue_quantiles=tuple(float(q) for q in np.linspace(0, 20_000, 21)),
)
KNOWN = {
    "trust": 80.0,
    "trust_low": 70.0,
    "trust_high": 90.0,
    "trust_age": 5.0,
    "revenue_1h": 10_000.0,
    "revenue_24h": 200_000.0,
    "revenue_24h_low": 100_000.0,
    "revenue_24h_high": 320_000.0,
    "success_age": 5.0,
    "sentiment": 0.2,
    "anomaly": 0.0,
}
NAN = float("nan")


def given_rows(*rows):
    """Inputs of rows that differ from KNOWN."""
    return Inputs(**{name: np.array([(KNOWN | row)[name] for row in rows]) for name in KNOWN})


def one(**changes):
    return given_rows(changes)


def test_expected_value_is_revenue_times_trust_with_the_spread_of_a_product():
    ev, spread = expected_value(one())
    assert ev.tolist() == [160_000.0]
    rng = np.random.default_rng(1)
    trust = rng.normal(0.8, 0.2 / 2 / 1.2816, 400_000)
    revenue = rng.normal(200_000, 220_000 / 2 / 1.2816, 400_000)
    assert spread[0] == pytest.approx((trust * revenue).std(), rel=0.01)
    made = fuse(one(), REVISION)
    assert made.ev_high[0] - made.ev[0] == pytest.approx(1.2816 * spread[0])
    assert 0 <= made.ev_low[0] < made.ev[0]


def test_the_score_is_the_stated_sum():
    score, probability = weighted(one(anomaly=0.5), REVISION)
    assert score[0] == pytest.approx(0.5 * 0.5 + 0.3 * 0.8 + 0.1 * 0.6 - 0.2 * 0.5)
    assert probability[0] == pytest.approx(1 / (1 + np.exp(-(2 * 0.5 + 0.8 + 0.5 * 0.6 - 1))))


@pytest.mark.parametrize(
    ("trust", "factor"),
    [
        pytest.param(0.0, 0.0, id="a trust of zero is known, and blocks"),
        pytest.param(29.99, 0.0, id="blocked"),
        pytest.param(30.0, 0.5, id="discounted at the gate"),
        pytest.param(59.0, 59 / 60, id="nearly full"),
        pytest.param(60.0, 1.0, id="full"),
        pytest.param(100.0, 1.0, id="never more than full"),
        pytest.param(NAN, NAN, id="unknown trust says nothing"),
    ],
)
def test_trust_gates_spend(trust, factor):
    np.testing.assert_allclose(fuse(one(trust=trust), REVISION).spend_factor, [factor])


@pytest.mark.parametrize("name", ["trust", "revenue_24h"])
def test_without_trust_or_forecast_there_is_no_expected_value_and_the_last_rank(name):
    made = fuse(given_rows({name: NAN}, {}, {"revenue_24h": 1.0}), REVISION)
    assert np.isnan(made.ev[0])
    assert np.isnan(made.ev_low[0])
    assert made.rank.tolist() == [3, 1, 2]


def test_unknown_mood_and_alerts_are_neutral():
    for ours, neutral in (({"sentiment": NAN}, {"sentiment": 0.0}), ({"anomaly": NAN}, {"anomaly": 0.0})):
        np.testing.assert_array_equal(weighted(one(**ours), REVISION), weighted(one(**neutral), REVISION))


@pytest.mark.parametrize(
    ("name", "more", "rises"),
    [
        pytest.param("trust", 90.0, True, id="trust"),
        pytest.param("revenue_1h", 11_000.0, True, id="revenue"),
        pytest.param("sentiment", 0.9, True, id="mood"),
        pytest.param("anomaly", 0.9, False, id="alerts"),
    ],
)
def test_each_branch_pulls_its_own_way(name, more, rises):
    before, after = (weighted(one(**change), REVISION)[0][0] for change in ({}, {name: more}))
    assert (after > before) if rises else (after < before)


ROW = st.fixed_dictionaries(
    {
        "trust": st.sampled_from([0.0, 35.0, 80.0, NAN]),
        "revenue_1h": st.floats(0, 30_000),
        "revenue_24h": st.floats(1, 1e6),
        "sentiment": st.floats(-1, 1),
        "anomaly": st.sampled_from([0.0, 0.4, NAN]),
    }
)


@given(st.lists(ROW, min_size=1, max_size=6))
def test_a_row_alone_is_judged_as_in_the_batch(rows):
    batch = fuse(given_rows(*rows), REVISION)
    for place, row in enumerate(rows):
        alone = fuse(one(**row), REVISION)
        for name in set(Decisions.model_fields) - {"rank", "rank_low", "rank_high"}:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[place], err_msg=name)
    assert sorted(batch.rank) == list(range(1, len(rows) + 1))


def test_the_norm_comes_from_the_reference_so_a_single_row_is_not_zero():
    alone = {name: weighted(one(revenue_1h=revenue), REVISION)[0][0] for name, revenue in
             {"low": 0.0, "middle": 10_000.0, "high": 20_000.0, "beyond": 9e9}.items()}  # fmt: skip
    assert alone["middle"] - alone["low"] == pytest.approx(0.25)
    assert alone["high"] == alone["beyond"] == pytest.approx(alone["low"] + 0.5)


@pytest.mark.parametrize(
    ("age", "want", "stale"),
    [
        pytest.param(90.0, 10.0, False, id="as old as is allowed"),
        pytest.param(90.1, 20.0, True, id="too old"),
        pytest.param(NAN, 20.0, True, id="never seen"),
    ],
)
def test_a_stale_branch_is_replaced_by_its_average(age, want, stale):
    value, replaced = freshened(np.array([10.0]), np.array([20.0]), np.array([age]), REVISION)
    assert (value[0], replaced[0]) == (want, stale)


@pytest.mark.parametrize(
    ("before", "value", "minutes", "want"),
    [
        pytest.param(10.0, 20.0, 0.0, 10.0, id="no time, no change"),
        pytest.param(10.0, 20.0, 180.0, 15.0, id="half after a half life"),
        pytest.param(10.0, 20.0, 360.0, 17.5, id="a quarter is left after two"),
        pytest.param(NAN, 20.0, 5.0, 20.0, id="the first value"),
        pytest.param(10.0, NAN, 500.0, 10.0, id="a missing value is not zero"),
        pytest.param(0.0, 20.0, 180.0, 10.0, id="zero is a value"),
    ],
)
def test_moving_average(before, value, minutes, want):
    assert moving_average(np.array([before]), np.array([value]), minutes, 180.0)[0] == pytest.approx(want)


def test_ranks_are_as_wide_as_the_intervals_and_the_same_every_time():
    rows = [{"revenue_24h": 1e6 - i * 1e3, "revenue_24h_low": 0.0, "revenue_24h_high": 2e6} for i in range(5)]
    sure = [row | {"revenue_24h_low": row["revenue_24h"], "revenue_24h_high": row["revenue_24h"]} for row in rows]
    flat = {"trust_low": 80.0, "trust_high": 80.0}
    vague, exact = fuse(given_rows(*rows), REVISION), fuse(given_rows(*(row | flat for row in sure)), REVISION)
    assert exact.rank.tolist() == exact.rank_low.tolist() == exact.rank_high.tolist() == [1, 2, 3, 4, 5]
    assert vague.rank.tolist() == [1, 2, 3, 4, 5]
    assert (vague.rank_low == 1).all()
    assert (vague.rank_high == 5).all()
    np.testing.assert_array_equal(vague.rank_high, fuse(given_rows(*rows), REVISION).rank_high)


def test_where_nothing_is_known_ranks_are_still_a_ranking():
    made = fuse(given_rows({"trust": NAN}, {"trust": NAN}), REVISION)
    assert made.rank.tolist() == made.rank_low.tolist() == [1, 2]


def test_a_revision_is_named_by_all_that_is_in_it():
    changed = REVISION.model_copy(update={"block_below": 31.0})
    assert len({REVISION.digest, changed.digest}) == 2
    assert FusionRevision.model_validate_json(REVISION.model_dump_json()).digest == REVISION.digest


def test_as_a_score_it_answers_from_its_file_with_columns_in_order():
    given_inputs = given_rows({}, {"trust": 20.0})
    rows = fusion_score.features_of(given_inputs)
    assert rows[1, fusion_score.FUSION_FEATURES.columns.index("trust")] == 20.0
    answer = fusion_score.FusionScorer.load(fusion_score.files_of(REVISION)).infer({"features": rows}, {})
    want = fuse(given_inputs, REVISION)
    assert set(answer) == {spec.name for spec in fusion_score.TENSORS_OUT}
    for name, values in answer.items():
        np.testing.assert_array_equal(values, getattr(want, name), err_msg=name)
    with pytest.raises(BadInput, match="features"):
        fusion_score.inputs_of(rows[:, 1:])


def moments(n):
    """Past moments in which trust tells what sold, and followers mislead."""
    rng = np.random.default_rng(3)
    for _ in range(n):
        trust, revenue = rng.uniform(0, 100, 80), rng.uniform(0, 20_000, 80)
        rows = [{"trust": t, "revenue_1h": r} for t, r in zip(trust, revenue, strict=True)]
        net = trust * 1000 + revenue * 5
        yield Moment(given_rows(*rows), followers=-net + rng.normal(0, 10, 80), net_revenue=net)


def test_fitted_weights_beat_ranking_by_followers_on_later_moments():
    made = fit_revision(list(moments(6)), trials=5)
    assert made.backtest["moments"] == 2
    assert made.backtest["share_of_best"] > 0.9
    assert made.backtest["share_by_followers"] < 0.5
    assert made == fit_revision(list(moments(6)), trials=5)
    assert min(made.logit_weights) >= 0
    with pytest.raises(Refused, match="3 past moments"):
        fit_revision(list(moments(3)))
