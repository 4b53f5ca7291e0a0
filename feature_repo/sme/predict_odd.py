"""Which transactions of the last seven days are odd, by the registered version of the score sme-anomaly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from feature_repo.sme.predictions import Served, frame
from scoreops.sme.anomaly import SEVERITIES
from scoreops.sme.anomaly_features import Feedback, Transactions, anomaly_features

SCAN_DAYS: Final = 7
HISTORY: Final = """
select org_id, transaction_id, account_id, booked_at, amount_minor, counterparty_id, terminal_id, category
from silver.bank_transactions
where cast(booked_at as date) <= ? and category <> 'opening_balance'
order by booked_at, org_id, transaction_id
"""
SAID: Final = """
select org_id, transaction_id, is_anomaly, said_at
from bronze.anomaly_feedback
where cast(said_at as date) <= ?
qualify row_number() over (partition by org_id, transaction_id order by said_at desc) = 1
"""


def say(db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], as_of: date) -> dict[str, Any]:
    """Every transaction of the last seven days that the score finds odd: as columns of the table anomalies."""
    rows = frame(db, HISTORY, as_of)
    return alerts(served["sme-anomaly"], rows, Feedback.on(rows, frame(db, SAID, as_of)), as_of)


def alerts(served: Served, rows: pd.DataFrame, feedback: Feedback, as_of: date) -> dict[str, Any]:
    """Odd ones among the rows of the last seven days; the others are only their history."""
    features = anomaly_features(Transactions.of(rows), feedback)
    recent = np.flatnonzero((pd.Timestamp(as_of) - rows["booked_at"].dt.normalize()).dt.days < SCAN_DAYS)
    told = served.scorer.infer({"features": features[recent]}, {"reasons": True})
    odd = np.flatnonzero(np.asarray(told["severity"]) > 0)
    at = recent[odd]
    return {
        "org_id": rows["org_id"].to_numpy()[at],
        "transaction_id": rows["transaction_id"].to_numpy()[at],
        "score": np.asarray(told["score"])[odd],
        "severity": [SEVERITIES[level] for level in np.asarray(told["severity"])[odd]],
        "reasons": [told["reasons"][place] for place in odd],
        "model_version": [served.version] * len(at),
    }
