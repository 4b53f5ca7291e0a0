"""The cash forecast without a trained model: of one company's own past, within its own interval, or silent."""

from __future__ import annotations

from functools import cache

import numpy as np

from scoreops.sme.cash import METHODS, TENSORS_OUT
from scoreops.sme.cash_features import HORIZON, books_of
from scoreops.sme.cash_floor import cash_floor
from tests.skew_sme import FIRST_DAY, transactions

CUT = FIRST_DAY + 260


@cache
def bank():
    return transactions(orgs=3, days=300)


@cache
def told():
    return cash_floor(books_of(bank(), until=CUT), CUT)


def test_every_company_is_answered_by_its_weekdays_or_by_smoothing():
    made = told()
    assert set(made) == {spec.name for spec in TENSORS_OUT}
    assert {METHODS[place] for place in made["method"]} <= {"naive", "ets"}
    assert made["net"].shape == (3, HORIZON)
    assert np.isfinite(made["net"]).all()


def test_a_forecast_lies_within_its_own_interval():
    made = told()
    for name in ("net", "balance"):
        assert (made[f"{name}_low"] <= made[name]).all()
        assert (made[name] <= made[f"{name}_high"]).all()
        assert (made[f"{name}_low"] < made[f"{name}_high"]).any()


def test_no_company_is_read_for_another():
    alone = cash_floor(books_of(bank()[bank()["org_id"] == "org-1"], until=CUT), CUT)
    for name, values in alone.items():
        np.testing.assert_array_equal(values[0], told()[name][1])


def test_what_happens_later_changes_nothing():
    booked = bank()["booked_at"].dt.tz_localize(None) < np.datetime64(CUT, "D")
    early = cash_floor(books_of(bank()[booked], until=CUT), CUT)
    for name, values in early.items():
        np.testing.assert_array_equal(values, told()[name])


def test_a_short_past_says_nothing():
    made = cash_floor(books_of(bank(), until=FIRST_DAY + 50), FIRST_DAY + 50)
    assert (made["method"] == -1).all()
    assert np.isnan(made["net"]).all()
