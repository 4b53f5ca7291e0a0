"""A generated world of small companies: the tables that their systems hold, and the truth behind them.

Customers pay by habit, some ever later and some never; sales rise before Tet, stop in it and recover after it, by the
real lunar calendar; odd transactions of several kinds are planted and known. Nothing in it stands for a real company.
A company is drawn from the seed and its own number alone: what happens to others never touches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from scoreops.core.errors import BadInput
from scoreops.sme.world_bank import COLUMNS, bank
from scoreops.sme.world_odd import plant
from scoreops.sme.world_orgs import KINDS, Days, Org, calendar, customers_of, draw_org, products_of
from scoreops.sme.world_sales import NEVER, Sales, evening, sell

END: Final = date(2026, 3, 31)
TABLES: Final = ("customers", "products", "orders", "invoices", "payments", "bank_transactions")


@dataclass(frozen=True)
class World:
    """What the companies' systems hold at the end of the last day, and what is true of it.

    frames: customers, products, orders, invoices, payments, bank_transactions; dates are `datetime.date`, times UTC.
    truth: `anomalies` (org_id, transaction_id, kind), `payers` (org_id, customer_id, kind), `invoices` (org_id,
    invoice_id, clears_on: the day on which it will be paid, also after the end; null: never).
    """

    frames: Mapping[str, pd.DataFrame]
    truth: Mapping[str, pd.DataFrame]
    start: date
    end: date


def make_world(orgs: int = 12, days: int = 540, seed: int = 7, end: date = END) -> World:
    """`orgs` companies over `days` days up to and with `end`; the same arguments give the same world.

    Raises BadInput for numbers out of range.
    """
    for name, value, low, high in (("orgs", orgs, 1, 999), ("days", days, 30, 1500), ("seed", seed, 0, 2**31)):
        if not low <= value <= high:
            raise BadInput(f"is {value}, must lie in [{low}, {high}]", name)
    span = calendar(end, days)
    made = [_company(number, span, seed) for number in range(orgs)]
    names = (*TABLES, "anomalies", "payers", "truth_invoices")
    whole = {name: pd.concat([one[name] for one in made], ignore_index=True) for name in names}
    frames = {name: _microseconds(whole[name]) for name in TABLES}
    truth = {"anomalies": whole["anomalies"], "payers": whole["payers"], "invoices": whole["truth_invoices"]}
    return World(frames, truth, span.start, end)


def _company(number: int, span: Days, seed: int) -> dict[str, pd.DataFrame]:
    rng = iter(np.random.default_rng([seed, number]).spawn(6))
    org = draw_org(number, span, next(rng))
    sales = sell(org, span, next(rng))
    usual = bank(org, span, sales, next(rng))
    odd = plant(org, span, usual, next(rng))
    transactions, anomalies = _numbered(usual, odd)
    day = (transactions["booked_at"].dt.tz_localize(None) - span.dates[0]).dt.days.to_numpy()
    transactions["ingested_at"] = evening(span, day)
    began = np.array([org.first_day])
    orders = sales.orders.assign(ingested_at=sales.orders["ordered_at"].dt.normalize() + pd.Timedelta(hours=23.5))
    return {
        "customers": customers_of(org, span, next(rng)).assign(ingested_at=evening(span, began)[0]),
        "products": products_of(org, next(rng)).assign(ingested_at=evening(span, began)[0]),
        "orders": orders,
        "invoices": sales.invoices,
        "payments": sales.payments,
        "bank_transactions": transactions,
        "anomalies": anomalies,
        "payers": _payers(org),
        "truth_invoices": _truth(org, span, sales),
    }


def _microseconds(frame: pd.DataFrame) -> pd.DataFrame:
    times = frame.select_dtypes("datetimetz").columns
    return frame.astype(dict.fromkeys(times, "datetime64[us, UTC]"))


def _numbered(usual: pd.DataFrame, odd: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All transactions in the order of booking with their ids, and which of them are planted."""
    rows = pd.concat([usual.assign(kind=None), odd], ignore_index=True) if len(odd) else usual.assign(kind=None)
    rows = rows.sort_values("booked_at", kind="stable", ignore_index=True)
    rows["transaction_id"] = [f"txn-{i:06d}" for i in range(len(rows))]
    planted = rows[rows["kind"].notna()]
    return rows[list(COLUMNS)].copy(), planted[["org_id", "transaction_id", "kind"]].reset_index(drop=True)


def _payers(org: Org) -> pd.DataFrame:
    kind = np.array(KINDS, dtype=object)[org.kind]
    return pd.DataFrame({"org_id": org.org_id, "customer_id": org.customer_ids, "kind": kind})


def _truth(org: Org, span: Days, sales: Sales) -> pd.DataFrame:
    days = np.where(sales.cleared_day < NEVER, sales.cleared_day, -1).tolist()
    clears = [span.start + timedelta(days=day) if day >= 0 else None for day in days]
    return pd.DataFrame({"org_id": org.org_id, "invoice_id": sales.invoices["invoice_id"], "clears_on": clears})


__all__ = ["END", "TABLES", "World", "make_world"]
