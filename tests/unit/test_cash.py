"""The cash forecast: honest books, intervals that hold on rolling origins, young companies, scenarios, tenancy."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from scoreops.core.errors import BadInput, NotFound, Refused
from scoreops.sme import forecasting
from scoreops.sme.calendar import is_off
from scoreops.sme.cash import LEVELS, METHODS, CashModel, below_zero
from scoreops.sme.cash_features import AHEAD, CASH_FEATURES, HORIZON, books_of, cash_features, expected_inflow
from scoreops.sme.cash_scenarios import Hire, Loan, PaysLater, against_actual, scenario_delta
from scoreops.sme.cash_training import cash_rows, train_cash
from tests.skew_cash import on_time
from tests.skew_sme import FIRST_DAY, invoices, transactions

COLUMNS = CASH_FEATURES.columns
CUT = FIRST_DAY + 200
DAYS = 300
UNTIL = FIRST_DAY + DAYS


@cache
def tables():
    return transactions(orgs=4, days=DAYS), invoices(days=DAYS)


@cache
def scorer():
    bank, owed = tables()
    return CashModel.load(train_cash(cash_rows(bank, owed, on_time, until=CUT), trees=60).model.files())


def features_at(bank, owed, day):
    books = books_of(bank, until=day)
    return cash_features(books, expected_inflow(owed, books.keys, day, on_time), day)


def test_books_hold_what_was_booked_and_no_more():
    bank, _ = tables()
    books = books_of(bank, until=CUT)
    local = (bank["booked_at"] + pd.Timedelta(hours=7)).dt.floor("D").dt.tz_localize(None)
    mine = bank[(bank["org_id"] == "org-1") & (local < pd.Timestamp(CUT, unit="D"))]
    assert np.nansum(books.net[1]) == mine["amount_minor"].sum()
    assert books.keys[1] == ("org-1", "VND")
    assert books.balance(CUT)[1] == mine["amount_minor"].sum()


def test_an_opening_balance_is_no_flow_and_own_transfers_are_none():
    bank, _ = tables()
    extra = (
        bank[bank["org_id"] == "org-0"]
        .iloc[:2]
        .assign(category=["opening_balance", "internal"], amount_minor=[5_000_000, -999])
    )
    plain, more = books_of(bank, until=CUT), books_of(pd.concat([bank, extra]), until=CUT)
    np.testing.assert_array_equal(plain.net, more.net)
    assert (more.opening - plain.opening).tolist() == [5_000_000, 0, 0, 0]


def test_what_happens_later_never_changes_a_row():
    bank, owed = tables()
    early = bank[bank["booked_at"] < pd.Timestamp(CUT, unit="D", tz="UTC") - pd.Timedelta(hours=7)]
    unpaid = owed.copy()
    unpaid.loc[~(unpaid["cleared_on"] < pd.Timestamp(CUT, unit="D")), "cleared_on"] = pd.NaT
    unpaid = unpaid[unpaid["issued_on"] < pd.Timestamp(CUT, unit="D")].reset_index(drop=True)
    np.testing.assert_array_equal(features_at(bank, owed, CUT), features_at(early, unpaid, CUT))


def test_other_orgs_never_change_an_answer():
    bank, owed = tables()
    other = bank["org_id"] != "org-0"
    changed = bank.assign(amount_minor=bank["amount_minor"].where(~other, bank["amount_minor"] * 7))
    before, after = (scorer().score(features_at(rows, owed, CUT)) for rows in (bank, changed))
    for name in ("net", "balance_low", "p_below_zero"):
        np.testing.assert_array_equal(getattr(before, name)[0], getattr(after, name)[0])
    assert (before.net[1] != after.net[1]).any()


def test_intervals_hold_their_share_on_rolling_origins():
    bank, owed = tables()
    later = cash_rows(bank, owed, on_time, until=UNTIL, since=CUT)
    made = scorer().score(later.features)
    days = (later.came >= made.net_low) & (later.came <= made.net_high)
    balance = later.features[:, [COLUMNS.index("balance")]] + np.cumsum(later.came, axis=1)
    sums = (balance >= made.balance_low) & (balance <= made.balance_high)
    assert 0.7 <= days.mean() <= 0.9
    assert 0.6 <= sums.mean() <= 0.97


def test_three_weeks_of_data_get_the_stated_fallback_and_one_week_nothing():
    bank, owed = tables()
    for days, said in ((21, True), (7, False)):
        young = bank[bank["booked_at"] >= pd.Timestamp(CUT - days, unit="D", tz="UTC")]
        made = scorer().score(features_at(young, owed, CUT))
        assert made.fallback.all()
        assert np.isfinite(made.net).all() == said
        assert (made.method >= 0).all() == said


def test_the_method_is_the_best_of_the_backtest():
    bank, owed = tables()
    model = train_cash(cash_rows(bank, owed, on_time, until=CUT), trees=60).model
    made = CashModel.load(model.files()).score(features_at(bank, owed, CUT))
    for row, method in enumerate(made.method):
        assert method == np.nanargmin(model.ranking[0 if made.fallback[row] else 1]), METHODS


def test_prophet_is_a_member_where_its_curve_is_given():
    books = books_of(tables()[0], until=CUT)
    made = cash_features(books, np.zeros((4, HORIZON)), CUT, with_prophet=[2])
    start = 7 + AHEAD.index("prophet") * HORIZON
    known = np.isfinite(made[:, start : start + HORIZON]).all(axis=1)
    assert known.tolist() == [False, False, True, False]


def test_invoices_bring_their_amount_on_open_days_around_the_expected_one():
    bank, owed = tables()
    keys = books_of(bank, until=CUT).keys
    made = expected_inflow(owed, keys, CUT, on_time)
    late = expected_inflow(owed, keys, CUT, lambda rows: np.full(len(rows), 300.0))
    assert made.sum() > 0
    assert (late == 0).all()
    assert made[2:].sum() == 0  # only two of the companies send invoices


def test_the_probability_of_a_balance_below_zero_reads_the_quantiles():
    line = np.array([100.0 * (level - 0.5) for level in LEVELS])
    ends = np.stack([line, line + 1_000, line - 1_000, line + 25])[:, None, :]
    np.testing.assert_allclose(below_zero(ends)[:, 0], [0.5, 0, 1, 0.25])


def test_cash_runs_out_on_the_first_day_that_is_as_likely_as_not():
    bank, owed = tables()
    rows = features_at(bank, owed, CUT)
    rows[:, COLUMNS.index("balance")] = 1e15
    rich = scorer().score(rows)
    poor = scorer().score(rows, np.full((4, HORIZON), -1e14))
    assert np.isnan(rich.runout_day).all()
    assert (rich.p_runout == 0).all()
    assert ((poor.runout_day >= 9) & (poor.runout_day <= 12)).all()


KEY = ("org-0", "VND")


def test_a_client_who_pays_later_moves_money_and_makes_none():
    _, owed = tables()
    made = scenario_delta(PaysLater("c3", 12), owed, KEY, CUT, on_time)
    assert made.min() < 0
    assert np.cumsum(made).max() <= 1e-6
    with pytest.raises(NotFound, match="no open invoice"):
        scenario_delta(PaysLater("nobody", 12), owed, KEY, CUT, on_time)
    with pytest.raises(BadInput, match="1 to 365"):
        scenario_delta(PaysLater("c3", 0), owed, KEY, CUT, on_time)


def test_a_hire_is_paid_on_open_days_and_a_loan_comes_before_its_rates():
    _, owed = tables()
    wage = scenario_delta(Hire(10_000, CUT), owed, KEY, CUT, on_time)
    assert wage.sum() == -10_000
    assert not is_off(CUT + np.flatnonzero(wage)).any()
    loan = scenario_delta(Loan(500_000, 20_000, CUT - 25), owed, KEY, CUT, on_time)
    assert loan[0] >= 480_000
    assert loan.sum() == pytest.approx(480_000)


def test_forecast_against_actual_counts_only_what_has_come():
    came = np.array([1.0, 5.0, np.nan])
    made = against_actual(np.array([2.0, 2.0, 2.0]), np.zeros(3), np.full(3, 4.0), came, day=FIRST_DAY)
    assert made["miss"].tolist() == [-1, 3]
    assert made["cumulative_miss"].tolist() == [-1, 2]
    assert made["inside"].tolist() == [True, False]


def test_smoothing_is_the_one_of_a_library():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    days = np.arange(210)
    series = 50 + 10 * np.sin(days * 2 * np.pi / 7) + np.random.default_rng(0).normal(0, 3, len(days))
    start = series[:28].mean()
    season = [series[:28][day::7].mean() - start for day in range(7)]
    model = ETSModel(
        series, seasonal="add", seasonal_periods=7, initialization_method="known", initial_level=start,
        initial_seasonal=season,
    )  # fmt: skip
    tried = [model.smooth([alpha, gamma * (1 - alpha)]) for alpha in forecasting.ALPHAS for gamma in forecasting.GAMMAS]
    best = min(tried, key=lambda fitted: np.abs(fitted.resid[28:]).mean())
    np.testing.assert_allclose(forecasting.ets(series[None, :], 14)[0], best.forecast(14), rtol=1e-6)


def test_training_twice_gives_the_same_bytes_and_too_little_is_refused():
    bank, owed = tables()
    rows = cash_rows(bank, owed, on_time, until=CUT)
    assert train_cash(rows, trees=5).model.files() == train_cash(rows, trees=5).model.files()
    with pytest.raises(Refused, match="60 are needed"):
        train_cash(rows.take(np.arange(20)))
    with pytest.raises(Refused, match="86 are needed"):
        cash_rows(bank, owed, on_time, until=FIRST_DAY + 60)
