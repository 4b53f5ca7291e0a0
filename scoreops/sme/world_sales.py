"""Orders, invoices and payments of one generated company."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from scoreops.sme.world_orgs import CARD_SHARE, Bools, Days, Floats, Ints, Org, demand

_OPEN_UTC: Final = (1, 10)
"""Offices in Vietnam work from 8 to 17, which is 1 to 10 UTC."""
_INSTALMENT_SHARE: Final = 0.12
NEVER: Final = 10**6
"""Day of a payment that does not come."""


class Sales(NamedTuple):
    """Tables of one company. `cleared_day` is the true day of the world on which each invoice is paid, or NEVER."""

    orders: pd.DataFrame
    invoices: pd.DataFrame
    payments: pd.DataFrame
    cleared_day: Ints


def sell(org: Org, days: Days, rng: np.random.Generator) -> Sales:
    """Everything that customers on account order, are billed for, and pay within the days of the world."""
    level = demand(org, days) * (np.arange(len(days)) >= org.first_day)
    counts = rng.poisson(np.outer(level, org.rate))
    day, customer = (np.repeat(axis, counts.ravel()) for axis in np.indices(counts.shape).reshape(2, -1))
    orders = _orders(org, days, day, customer, rng)
    invoices, billed_day, payer = _invoices(org, days, orders, day, customer)
    cleared = _cleared(org, days, billed_day, payer, rng)
    payments = _payments(org, days, invoices, billed_day, cleared, rng)
    inside = cleared < len(days)
    dates = days.dates.date
    invoices["cleared_on"] = [dates[day] if day < len(days) else None for day in cleared.tolist()]
    invoices["ingested_at"] = evening(days, np.where(inside, cleared, billed_day))
    return Sales(orders, invoices, payments, cleared)


def _orders(org: Org, days: Days, day: Ints, customer: Ints, rng: np.random.Generator) -> pd.DataFrame:
    n = len(day)
    product = rng.integers(0, len(org.prices), n)
    usual = org.turnover * (1 - CARD_SHARE[org.trade]) / float(org.rate.sum())
    quantity = np.maximum(1, usual * np.exp(rng.normal(-0.3, 0.8, n)) / org.prices[product]).astype(np.int64)
    return pd.DataFrame(
        {
            "org_id": org.org_id,
            "order_id": [f"ord-{i:06d}" for i in range(n)],
            "customer_id": org.customer_ids[customer],
            "product_id": [f"prd-{i:03d}" for i in product],
            "ordered_at": moments(days, day, _OPEN_UTC, rng),
            "quantity": quantity,
            "amount_minor": quantity * org.prices[product],
            "currency": org.currency,
        }
    )


def _invoices(org: Org, days: Days, orders: pd.DataFrame, day: Ints, customer: Ints) -> tuple[pd.DataFrame, Ints, Ints]:
    """One invoice for all orders of a customer on a day. Also writes `invoice_id` into the orders."""
    key = day * len(org.customer_ids) + customer
    unique, number = np.unique(key, return_inverse=True)
    orders.insert(3, "invoice_id", [f"inv-{i:06d}" for i in number])
    amount = np.bincount(number, weights=orders["amount_minor"], minlength=len(unique)).astype(np.int64)
    billed, payer = np.divmod(unique, len(org.customer_ids))
    issued = days.dates.to_numpy()[billed]
    due = issued + org.terms[payer].astype("timedelta64[D]")
    made = pd.DataFrame(
        {
            "org_id": org.org_id,
            "invoice_id": [f"inv-{i:06d}" for i in range(len(unique))],
            "customer_id": org.customer_ids[payer],
            "issued_on": pd.DatetimeIndex(issued).date,
            "due_on": pd.DatetimeIndex(due).date,
            "amount_minor": amount,
            "currency": org.currency,
        }
    )
    return made, billed, payer


def _cleared(org: Org, days: Days, billed: Ints, payer: Ints, rng: np.random.Generator) -> Ints:
    """The day on which each invoice is paid in full: habit of the customer, Tet, and only when banks work."""
    n, kind = len(billed), org.kind[payer]
    late = np.choose(
        kind,
        [
            rng.normal(-5, 4, n),
            rng.gamma(1.5, 3.0, n) - 4.5,
            rng.gamma(3.0, 6.0, n),
            rng.gamma(2.0, 3.0, n) + 0.07 * billed,
            rng.gamma(2.0, 24.0, n) + 15,
        ],
    )
    paid = billed + np.maximum(1, np.rint(org.terms[payer] + late)).astype(np.int64)
    paid = _around_tet(days, billed, paid, org.clears_before_tet[payer], rng)
    paid = days.next_work(paid)
    paid[(kind == 4) & (rng.random(n) < 0.35)] = NEVER
    return paid


def _around_tet(days: Days, billed: Ints, paid: Ints, before: Bools, rng: np.random.Generator) -> Ints:
    """What would be paid around Tet is paid before it by some, and well after it by others."""
    near = np.where(paid < len(days), days.to_tet[np.minimum(paid, len(days) - 1)], 99)
    touched = (near <= 10) & (near > -12)
    early = np.maximum(billed + 1, paid + near - rng.integers(4, 16, len(paid)))
    later = paid + near + rng.integers(9, 24, len(paid))
    found: Ints = np.where(touched, np.where(before, early, later), paid)
    return found


def _payments(
    org: Org, days: Days, invoices: pd.DataFrame, billed: Ints, cleared: Ints, rng: np.random.Generator
) -> pd.DataFrame:
    """One payment per invoice, or two instalments of which the last clears it."""
    n = len(invoices)
    amount = invoices["amount_minor"].to_numpy()
    split = rng.random(n) < _INSTALMENT_SHARE
    first = np.where(split, (amount * rng.uniform(0.4, 0.7, n)).astype(np.int64), 0)
    ahead = days.next_work(np.maximum(billed + 1, np.minimum(cleared, billed + 60) - rng.integers(3, 15, n)))
    rows = pd.DataFrame(
        {
            "invoice": np.concatenate([np.arange(n), np.flatnonzero(split)]),
            "day": np.concatenate([cleared, np.minimum(ahead, cleared)[split]]),
            "amount_minor": np.concatenate([amount - first, first[split]]),
        }
    )
    rows = rows[(rows["day"] < len(days)) & (rows["amount_minor"] > 0)].sort_values(["day", "invoice", "amount_minor"])
    day = rows["day"].to_numpy()
    return pd.DataFrame(
        {
            "org_id": org.org_id,
            "payment_id": [f"pay-{i:06d}" for i in range(len(rows))],
            "invoice_id": invoices["invoice_id"].to_numpy()[rows["invoice"]],
            "paid_on": days.dates[day].date,
            "amount_minor": rows["amount_minor"].to_numpy(),
            "currency": org.currency,
            "ingested_at": evening(days, day),
        }
    )


def moments(days: Days, day: Ints, hours: tuple[int, int], rng: np.random.Generator) -> pd.DatetimeIndex:
    """A random moment of each day between two hours UTC."""
    seconds = rng.integers(hours[0] * 3600, hours[1] * 3600, len(day))
    return _stamp(days, day, seconds)


def evening(days: Days, day: Ints) -> pd.DatetimeIndex:
    """When the connector fetches what happened on each day: 23:30 UTC."""
    return _stamp(days, day, np.full(len(day), 84_600))


def _stamp(days: Days, day: Ints, seconds: Ints | Floats) -> pd.DatetimeIndex:
    first = np.datetime64(days.start, "us")
    at = first + (np.asarray(day, dtype=np.int64) * 86_400 + seconds).astype("timedelta64[s]")
    return pd.DatetimeIndex(at, dtype="datetime64[us]").tz_localize("UTC")
