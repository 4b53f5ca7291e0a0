"""The generated companies: reproducible, of one piece with themselves, and odd only where the truth says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoreops.core.errors import BadInput
from scoreops.sme.world import TABLES, make_world
from scoreops.sme.world_odd import KINDS


@pytest.fixture(scope="module")
def world():
    return make_world(orgs=5, days=420, seed=3)


def of(world, name, org):
    frame = world.frames[name]
    return frame[frame["org_id"] == org].reset_index(drop=True)


def test_the_same_arguments_give_the_same_world(world):
    again = make_world(orgs=5, days=420, seed=3)
    for name in TABLES:
        pd.testing.assert_frame_equal(world.frames[name], again.frames[name])


def test_a_company_is_the_same_whoever_else_there_is(world):
    alone = make_world(orgs=2, days=420, seed=3)
    for name in TABLES:
        pd.testing.assert_frame_equal(of(alone, name, "org-001"), of(world, name, "org-001"))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("customers", "customer_id"),
        ("products", "product_id"),
        ("orders", "order_id"),
        ("invoices", "invoice_id"),
        ("payments", "payment_id"),
        ("bank_transactions", "transaction_id"),
    ],
)
def test_keys_are_unique_in_a_company(world, name, key):
    assert not world.frames[name].duplicated(["org_id", key]).any()


def test_what_is_paid_is_what_was_billed_and_reaches_the_bank(world):
    keys = ["org_id", "invoice_id"]
    invoices = world.frames["invoices"].set_index(keys)
    billed = world.frames["orders"].groupby(keys)["amount_minor"].sum()
    assert (invoices["amount_minor"] == billed.reindex(invoices.index)).all()
    paid = world.frames["payments"].groupby(keys)["amount_minor"].sum().reindex(invoices.index).fillna(0)
    cleared = invoices["cleared_on"].notna()
    assert (paid[cleared] == invoices.loc[cleared, "amount_minor"]).all()
    assert (paid[~cleared] < invoices.loc[~cleared, "amount_minor"]).all()
    bank = world.frames["bank_transactions"]
    received = bank[bank["category"] == "receivable"].groupby("org_id")["amount_minor"].sum()
    assert received.equals(world.frames["payments"].groupby("org_id")["amount_minor"].sum())


def test_nobody_pays_on_a_day_off_and_shops_are_shut_at_tet(world):
    days = pd.to_datetime(world.frames["payments"]["paid_on"])
    assert (days.dt.dayofweek < 5).all()
    assert not days.isin(pd.to_datetime(["2026-02-17", "2026-02-18", "2025-04-30"])).any()
    orders = world.frames["orders"].assign(day=world.frames["orders"]["ordered_at"].dt.date.astype("datetime64[ns]"))
    per_day = orders.groupby("day").size()
    assert per_day.loc["2026-02-17":"2026-02-20"].mean() < 0.25 * per_day.loc["2026-01-25":"2026-02-10"].mean()


def test_habits_show_in_how_late_customers_pay(world):
    rows = world.frames["invoices"].merge(world.truth["payers"], on=["org_id", "customer_id"])
    rows = rows[rows["cleared_on"].notna()]
    late = (pd.to_datetime(rows["cleared_on"]) - pd.to_datetime(rows["due_on"])).dt.days
    middle = late.groupby(rows["kind"]).median()
    assert middle["prompt"] < middle["usual"] < middle["slow"] < middle["defaulter"]


def test_every_kind_of_anomaly_is_planted_and_there(world):
    odd = world.truth["anomalies"]
    assert set(odd["kind"]) == set(KINDS)
    found = odd.merge(world.frames["bank_transactions"], on=["org_id", "transaction_id"])
    assert len(found) == len(odd)
    night = found.loc[found["kind"] == "odd_hour", "booked_at"].dt.hour
    assert night.between(18, 21).all()
    assert len(odd) < 0.02 * len(world.frames["bank_transactions"])


def test_a_company_that_began_just_now_has_three_weeks():
    world = make_world(orgs=10, days=120, seed=1)
    young = of(world, "bank_transactions", "org-009")
    assert young["booked_at"].min() >= pd.Timestamp("2026-03-11", tz="UTC")
    assert not (world.truth["anomalies"]["org_id"] == "org-009").any()


def test_money_is_whole_units(world):
    for name in ("invoices", "payments", "bank_transactions", "orders"):
        assert world.frames[name]["amount_minor"].dtype == np.int64


@pytest.mark.parametrize(("name", "value"), [("orgs", 0), ("days", 5), ("seed", -1)])
def test_numbers_out_of_range_are_named(name, value):
    with pytest.raises(BadInput, match=name):
        make_world(**{name: value})
