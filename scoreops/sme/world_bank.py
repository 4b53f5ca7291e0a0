"""Bank transactions of one generated company: customers' payments, card sales, wages, suppliers, rent, taxes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from scoreops.sme.world_orgs import CARD_SHARE, Days, Ints, Org, demand
from scoreops.sme.world_sales import Sales, moments

MAIN: Final = "acc-1"
RESERVE: Final = "acc-2"
COLUMNS: Final = (
    "org_id",
    "transaction_id",
    "account_id",
    "booked_at",
    "amount_minor",
    "currency",
    "counterparty_id",
    "terminal_id",
    "category",
    "channel",
)
_OFFICE: Final = (1, 10)
_SHOP: Final = (0, 15)


def bank(org: Org, days: Days, sales: Sales, rng: np.random.Generator) -> pd.DataFrame:
    """Usual transactions of one company in the order of booking, without `transaction_id`."""
    parts = [
        _opening(org, days),
        _receivables(org, days, sales, rng),
        _cards(org, days, rng),
        *_costs(org, days, rng),
    ]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return rows.sort_values("booked_at", kind="stable", ignore_index=True)


def rows_of(
    org: Org,
    at: pd.DatetimeIndex,
    amount: Ints,
    counterparty: object,
    category: str,
    channel: str,
    *,
    account: str = MAIN,
    terminal: object = None,
) -> pd.DataFrame:
    """Transactions as a table, without `transaction_id`."""
    return pd.DataFrame(
        {
            "org_id": org.org_id,
            "account_id": account,
            "booked_at": at,
            "amount_minor": amount,
            "currency": org.currency,
            "counterparty_id": counterparty,
            "terminal_id": terminal,
            "category": category,
            "channel": channel,
        }
    )


def _opening(org: Org, days: Days) -> pd.DataFrame:
    """What was in the accounts before the first day."""
    at = moments(days, np.array([org.first_day] * 2), (0, 1), np.random.default_rng(0))
    amount = np.array([org.turnover * 38, org.turnover * 6]).astype(np.int64)
    rows = rows_of(org, at, amount, "bank", "opening_balance", "transfer")
    rows["account_id"] = [MAIN, RESERVE]
    return rows


def _receivables(org: Org, days: Days, sales: Sales, rng: np.random.Generator) -> pd.DataFrame:
    paid = sales.payments
    day = (pd.DatetimeIndex(paid["paid_on"]) - days.dates[0]).days.to_numpy().astype(np.int64)
    payer = sales.invoices.set_index("invoice_id")["customer_id"].reindex(paid["invoice_id"]).to_numpy()
    at = moments(days, day, _OFFICE, rng)
    return rows_of(org, at, paid["amount_minor"].to_numpy(), payer, "receivable", "transfer")


def _cards(org: Org, days: Days, rng: np.random.Generator) -> pd.DataFrame:
    """Card payments at the company's terminals, and a few refunds."""
    share = CARD_SHARE[org.trade]
    usual = org.turnover * share / (6 + 14 * share)
    level = demand(org, days) * (np.arange(len(days)) >= org.first_day) * (6 + 14 * share)
    day = np.repeat(np.arange(len(days)), rng.poisson(level))
    n = len(day)
    amount = np.maximum(1_000 if org.currency == "VND" else 50, usual * np.exp(rng.normal(-0.25, 0.7, n)))
    step = 500 if org.currency == "VND" else 5
    amount = (amount // step * step).astype(np.int64)
    refund = rng.random(n) < 0.008
    card = [f"card-{i:05d}" for i in (rng.pareto(1.2, n) * 40).astype(np.int64) % 4000]
    terminal = [f"term-{i}" for i in rng.integers(1, 2 + int(4 * share), n)]
    at = moments(days, day, _SHOP, rng)
    rows = rows_of(org, at, np.where(refund, -amount, amount), card, "card_sale", "pos", terminal=terminal)
    rows.loc[refund, "category"] = "card_refund"
    return rows


def _costs(org: Org, days: Days, rng: np.random.Generator) -> list[pd.DataFrame]:
    """What the company spends: regular, with a bonus before Tet, and suppliers in step with sales."""
    live = np.arange(len(days)) >= org.first_day
    month_day, month = days.dates.day.to_numpy(), days.dates.month.to_numpy()
    cost = org.turnover * org.cost_share * 30

    def monthly(on: int, share: float, who: str, category: str, jitter: float = 0.04) -> pd.DataFrame:
        day = days.next_work(np.flatnonzero((month_day == on) & live))
        day = day[day < len(days)]
        amount = -(cost * share * np.exp(rng.normal(0, jitter, len(day)))).astype(np.int64)
        return rows_of(org, moments(days, day, _OFFICE, rng), amount, who, category, "transfer")

    bonus = np.flatnonzero((days.to_tet == 11) & live)
    quarter = days.next_work(np.flatnonzero((month_day == 28) & np.isin(month, (1, 4, 7, 10)) & live))
    quarter = quarter[quarter < len(days)]
    office = moments(days, bonus, _OFFICE, rng), moments(days, quarter, _OFFICE, rng)
    saved = monthly(20, 0.015, "own", "internal", 0.0)
    mirror = saved.assign(amount_minor=-saved["amount_minor"], account_id=RESERVE)
    return [
        monthly(5, 0.16, "staff", "payroll"),
        monthly(1, 0.045, "landlord", "rent", 0.0),
        monthly(15, 0.012, "utility", "utilities", 0.15),
        monthly(25, 0.02, "lender", "loan", 0.0),
        saved,
        mirror,
        rows_of(org, office[0], np.full(len(bonus), -int(cost * 0.15)), "staff", "payroll", "transfer"),
        rows_of(org, office[1], -(cost * 0.1 * rng.uniform(0.8, 1.2, len(quarter))).astype(np.int64), "tax", "tax",
                "transfer"),
        *_suppliers(org, days, rng),
    ]  # fmt: skip


def _suppliers(org: Org, days: Days, rng: np.random.Generator) -> list[pd.DataFrame]:
    """Every supplier is paid weekly on its own weekday, in step with the sales of the coming weeks."""
    live = np.arange(len(days)) >= org.first_day
    wanted = pd.Series(demand(org, days)).rolling(14, min_periods=1).mean().to_numpy()
    made, n = [], int(rng.integers(5, 11))
    shares = rng.dirichlet(np.full(n, 3.0))
    for i, share in enumerate(shares):
        day = days.next_work(np.flatnonzero((days.weekday == i % 5) & live))
        day = np.unique(day[day < len(days)])
        usual = org.turnover * org.cost_share * 7 * 0.64 * share * wanted[day]
        amount = -(usual * np.exp(rng.normal(0, 0.18, len(day)))).astype(np.int64)
        at = moments(days, day, _OFFICE, rng)
        made.append(rows_of(org, at, amount, f"sup-{i:02d}", "supplier", "transfer"))
    return made
