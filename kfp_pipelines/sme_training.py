"""The scores of SME Pulse trained on the warehouse and registered, each by its own pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo.sme import predict_cash, predict_late, predict_odd
from feature_repo.sme.predictions import frame
from feature_repo.sme.warehouse import reading
from kfp_pipelines.bundling import bundle
from scoreops.adapters.registry import Registry, Version
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.sme.calendar import day_number

MOST_REFERENCE: Final = 20_000
"""Rows that stand for the population in the reference for drift."""


@dataclass(frozen=True)
class Made:
    """A trained score: files of its bundle, the feature rows it learnt from, how much each column mattered, figures."""

    files: Mapping[str, bytes]
    features: NDArray[np.float64]
    columns: tuple[str, ...]
    importance: Mapping[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)


def late_payment(db: duckdb.DuckDBPyConnection, as_of: date) -> Made:
    """From every invoice that was known at the end of `as_of`."""
    from scoreops.sme.late_features import LATE_FEATURES
    from scoreops.sme.late_training import late_rows, train_late

    rows = late_rows(frame(db, predict_late.QUERY), until=day_number(as_of) + 1)
    made = train_late(rows)
    return Made(made.model.files(), rows.features, LATE_FEATURES.columns, made.importance)


def sme_anomaly(db: duckdb.DuckDBPyConnection, as_of: date) -> Made:
    """From every transaction up to `as_of`, without labels."""
    from scoreops.sme.anomaly_features import ANOMALY_FEATURES, Feedback, Transactions, anomaly_features
    from scoreops.sme.anomaly_training import train_anomaly

    rows = frame(db, predict_odd.HISTORY, as_of)
    features = anomaly_features(Transactions.of(rows), Feedback.on(rows, frame(db, predict_odd.SAID, as_of)))
    made = train_anomaly(features)
    return Made(made.model.files(), features, ANOMALY_FEATURES.columns, made.importance)


def cash_flow(db: duckdb.DuckDBPyConnection, as_of: date) -> Made:
    """From past mornings whose next thirty days are known; payments are foretold by a model that saw none of them."""
    from feature_repo.frames.cash_flow import PROPHETS, draft
    from scoreops.sme.cash_features import CASH_FEATURES
    from scoreops.sme.cash_training import cash_rows, train_cash

    transactions, invoices = frame(db, predict_cash.TRANSACTIONS, as_of), frame(db, predict_cash.INVOICES, as_of)
    until = day_number(as_of) + 1
    days_late, since = draft(invoices, until)
    rows = cash_rows(transactions, invoices, days_late, until=until, prophets=PROPHETS, since=since)
    made = train_cash(rows)
    return Made(made.model.files(), rows.features, CASH_FEATURES.columns, made.importance)


FIT: Final[Mapping[str, Callable[[duckdb.DuckDBPyConnection, date], Made]]] = {
    "late-payment": late_payment,
    "cash-flow": cash_flow,
    "sme-anomaly": sme_anomaly,
}


def train(settings: Settings, score: str, as_of: date) -> Version:
    """Train a score on what was known at the end of `as_of`, register it and make it the champion."""
    if score not in FIT:
        raise Unsupported(f"{score!r} is not one of {', '.join(FIT)}")
    with reading(settings) as db:
        made = FIT[score](db, as_of)
    rows = pd.DataFrame(made.features, columns=list(made.columns))
    people = rows.iloc[:: max(1, len(rows) // MOST_REFERENCE)]
    hours = (day_number(as_of) + 1) * 24
    files = bundle(score, made.files, rows, people, until=hours, importance=made.importance)
    registry = Registry(settings.mlflow_url)
    try:
        version = registry.register(files, metrics=made.metrics, verdicts=[])
        registry.promote(score, version.number)
        return version
    finally:
        registry.close()
