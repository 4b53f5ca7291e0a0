"""Planted anomalies: transactions that a careful bookkeeper would ask about, with the kind of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from scoreops.sme.world_bank import RESERVE, rows_of
from scoreops.sme.world_orgs import Days, Ints, Org
from scoreops.sme.world_sales import moments

_WARM_DAYS: Final = 60
"""Nothing is planted before there is a history to differ from."""
_EVERY_DAYS: Final = 110
"""Each kind is planted about once in so many days of a company's life."""
_OFFICE: Final = (1, 10)
_NIGHT: Final = (18, 21)
"""1 to 4 at night in Vietnam."""

Plant = Callable[[Org, Days, pd.DataFrame, Ints, np.random.Generator], pd.DataFrame]


def plant(org: Org, days: Days, usual: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Anomalies of every kind, like `usual` with a column `kind`. None for a company that began just now."""
    life = len(days) - org.first_day - _WARM_DAYS
    if life <= 0:
        return usual.head(0).assign(kind=pd.Series(dtype=object))
    made = []
    for kind, make in KINDS.items():
        n = max(1, int(rng.poisson(life / _EVERY_DAYS)))
        day = org.first_day + _WARM_DAYS + np.sort(rng.integers(0, life, n))
        made.append(make(org, days, usual, day, rng).assign(kind=kind))
    return pd.concat([part for part in made if len(part)], ignore_index=True)


def _spent(usual: pd.DataFrame) -> pd.DataFrame:
    return usual[usual["category"] == "supplier"]


def _duplicate(_org: Org, days: Days, usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """A supplier's bill paid again within two days, to the last unit."""
    spent = _spent(usual)
    at = spent["booked_at"].searchsorted(pd.DatetimeIndex(days.dates[day]).tz_localize("UTC"))
    rows = spent.iloc[np.minimum(at, len(spent) - 1)].copy()
    rows["booked_at"] = rows["booked_at"] + pd.to_timedelta(rng.integers(4, 44, len(rows)), unit="h")
    return rows[rows["booked_at"] < pd.Timestamp(days.dates[-1], tz="UTC") + pd.Timedelta(days=1)]


def _outsized(org: Org, days: Days, usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """A usual supplier gets many times what it usually gets."""
    spent = _spent(usual)
    who = spent["counterparty_id"].to_numpy()[rng.integers(0, len(spent), len(day))]
    middle = spent.groupby("counterparty_id")["amount_minor"].median()
    amount = (middle.reindex(who).to_numpy() * rng.uniform(5, 14, len(day))).astype(np.int64)
    return rows_of(org, moments(days, day, _OFFICE, rng), amount, who, "supplier", "transfer")


def _odd_hour(org: Org, days: Days, usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """Money leaves at night, when nobody works."""
    spent = _spent(usual)
    picked = spent.iloc[rng.integers(0, len(spent), len(day))]
    amount = (picked["amount_minor"].to_numpy() * rng.uniform(0.7, 1.6, len(day))).astype(np.int64)
    who = picked["counterparty_id"].to_numpy()
    return rows_of(org, moments(days, day, _NIGHT, rng), amount, who, "supplier", "transfer")


def _new_payee(org: Org, days: Days, usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """A large transfer to somebody who was never paid before."""
    large = _spent(usual)["amount_minor"].quantile(0.1)
    amount = (large * rng.uniform(1.0, 2.5, len(day))).astype(np.int64)
    who = [f"new-{int(rng.integers(0, 10**6)):06d}" for _ in day]
    return rows_of(org, moments(days, day, _OFFICE, rng), amount, who, "supplier", "transfer")


def _terminal_refunds(org: Org, days: Days, usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """One terminal pays out refunds in a burst."""
    cards = usual[usual["category"] == "card_sale"]
    burst = np.repeat(day[:1], 8)
    amount = -(cards["amount_minor"].quantile(0.9) * rng.uniform(0.8, 2.5, len(burst))).astype(np.int64)
    card = [f"card-{int(rng.integers(4000, 4020)):05d}" for _ in burst]
    at = moments(days, burst, (7, 9), rng)
    return rows_of(org, at, amount, card, "card_refund", "pos", terminal="term-1")


def _split(org: Org, days: Days, _usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """One amount in several parts, each just under a limit, to one payee within hours."""
    limit = 20_000_000 if org.currency == "VND" else 1_000_00
    parts = np.repeat(day[:2], 5)
    amount = -(limit * rng.uniform(0.955, 0.995, len(parts))).astype(np.int64)
    who = np.repeat([f"sup-{int(i):02d}" for i in rng.integers(0, 5, len(day[:2]))], 5)
    return rows_of(org, moments(days, parts, (3, 7), rng), amount, who, "supplier", "transfer")


def _dormant(org: Org, days: Days, _usual: pd.DataFrame, day: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """The reserve account, which only ever takes in, pays somebody."""
    day = day[:2]
    amount = -(org.turnover * rng.uniform(0.8, 3.0, len(day))).astype(np.int64)
    who = [f"sup-{int(i):02d}" for i in rng.integers(0, 5, len(day))]
    return rows_of(org, moments(days, day, _OFFICE, rng), amount, who, "supplier", "transfer", account=RESERVE)


KINDS: Final[Mapping[str, Plant]] = {
    "duplicate_payment": _duplicate,
    "outsized_amount": _outsized,
    "odd_hour": _odd_hour,
    "new_payee": _new_payee,
    "terminal_refunds": _terminal_refunds,
    "split_amount": _split,
    "dormant_account": _dormant,
}
