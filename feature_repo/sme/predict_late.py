"""When open invoices will be paid, by the registered version of the score late-payment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from feature_repo.sme.predictions import Served, frame
from scoreops.sme.calendar import NEVER, as_days, date_of, day_number, next_open
from scoreops.sme.late_features import History, Invoices

QUERY: Final = """
select org_id, invoice_id, customer_id, issued_on, due_on, amount_minor, cleared_on
from silver.invoices
order by org_id, invoice_id
"""


def say(db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], as_of: date) -> dict[str, Any]:
    """Predictions of every open invoice, as columns of the table late_payments."""
    return late_payments(served["late-payment"], frame(db, QUERY), as_of)


def late_payments(served: Served, invoices: pd.DataFrame, as_of: date) -> dict[str, Any]:
    """Predictions of every invoice that is open at the end of `as_of`, as columns of the table late_payments."""
    known = Invoices.of(invoices)
    tomorrow = day_number(as_of) + 1
    at = np.flatnonzero(known.cleared == NEVER)
    asked = known.take(at)
    features = History(known).features(asked, np.full(len(at), tomorrow))
    told = served.scorer.infer({"features": features}, {"reasons": True}) if len(at) else _NOTHING
    days = np.asarray(told["days_late"], dtype=np.float64)
    expected = next_open(np.maximum(as_days(invoices["due_on"].iloc[at]) + np.rint(days).astype(np.int64), tomorrow))
    return {
        "org_id": invoices["org_id"].iloc[at].to_numpy(),
        "invoice_id": invoices["invoice_id"].iloc[at].to_numpy(),
        "p_late": told["p_late"],
        "days_late": days,
        "days_late_low": told["low"],
        "days_late_high": told["high"],
        "expected_on": [date_of(int(day)) for day in expected],
        "reasons": told["reasons"],
        "model_version": [served.version] * len(at),
    }


_NOTHING: Final[dict[str, Any]] = {name: [] for name in ("days_late", "low", "high", "p_late", "reasons")}
