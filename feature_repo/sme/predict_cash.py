"""Cash of the next thirty days, by the registered versions of the scores cash-flow and late-payment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from feature_repo.sme.predictions import Served, frame
from scoreops.sme.calendar import day_number
from scoreops.sme.cash import METHODS, CashScorer
from scoreops.sme.cash_features import (
    HORIZON,
    Books,
    books_of,
    cash_features,
    days_late_by,
    expected_inflow,
    fit_prophet,
)
from scoreops.sme.cash_floor import cash_floor
from scoreops.sme.predictions import FLOOR

TRANSACTIONS: Final = """
select org_id, currency, booked_at, amount_minor, category
from silver.bank_transactions
where cast(booked_at as date) <= ?
order by booked_at, org_id, transaction_id
"""
INVOICES: Final = """
select org_id, invoice_id, customer_id, issued_on, due_on, amount_minor, cleared_on, currency
from silver.invoices
where issued_on <= ?
order by org_id, invoice_id
"""

_AMOUNTS: Final = ("net", "net_low", "net_high", "balance", "balance_low", "balance_high")


def say(db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], as_of: date) -> dict[str, Any]:
    """The forecast of every company with enough history, as columns of the table cashflow."""
    return forecasts(served, frame(db, TRANSACTIONS, as_of), frame(db, INVOICES, as_of), as_of)


def floor(db: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, Any]:
    """The same by no registered version: each company's own weekdays or smoothing, judged on its own past."""
    return floor_forecasts(frame(db, TRANSACTIONS, as_of), as_of)


def forecasts(
    served: Mapping[str, Served], transactions: pd.DataFrame, invoices: pd.DataFrame, as_of: date
) -> dict[str, Any]:
    """Thirty days from the day after `as_of`; a company too young for the stated fallback has no rows.

    Prophet is fitted for those companies alone for which the version would let it answer.
    """
    cash, late, tomorrow = served["cash-flow"], served["late-payment"], day_number(as_of) + 1
    books = books_of(transactions, until=tomorrow)
    inflow = expected_inflow(invoices, books.keys, tomorrow, days_late_by(late.scorer))
    features = cash_features(books, inflow, tomorrow)
    if isinstance(cash.scorer, CashScorer):
        fit_prophet(features, books, tomorrow, np.flatnonzero(cash.scorer.wants_prophet(features)))
    told = cash.scorer.infer({"features": features}, {})
    return _columns(books, told, as_of, f"{cash.version} {late.version}")


def floor_forecasts(transactions: pd.DataFrame, as_of: date) -> dict[str, Any]:
    """Thirty days from the day after `as_of` by the floor; a company whose past cannot judge it has no rows."""
    tomorrow = day_number(as_of) + 1
    books = books_of(transactions, until=tomorrow)
    return _columns(books, cash_floor(books, tomorrow), as_of, FLOOR)


def _columns(books: Books, told: Mapping[str, Any], as_of: date, version: str) -> dict[str, Any]:
    method, fallback = np.asarray(told["method"]), np.asarray(told["fallback"])
    rows = np.flatnonzero(method >= 0)
    flat = {name: np.asarray(told[name])[rows].ravel() for name in _AMOUNTS}
    amounts = {f"{name}_minor": np.rint(values).astype(np.int64) for name, values in flat.items()}
    names = [METHODS[method[row]] + (", young company" if fallback[row] else "") for row in rows]
    return {
        "org_id": np.repeat([books.keys[row][0] for row in rows], HORIZON),
        "currency": np.repeat([books.keys[row][1] for row in rows], HORIZON),
        "day": [as_of + timedelta(days=step) for step in range(1, HORIZON + 1)] * len(rows),
        **amounts,
        "p_below_zero": np.asarray(told["p_below_zero"])[rows].ravel(),
        "method": np.repeat(names, HORIZON),
        "model_version": [version] * (len(rows) * HORIZON),
    }
