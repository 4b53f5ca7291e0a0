"""Rows of sme-anomaly: every bank transaction with what came before it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from feature_repo.frames import Frame, Known, moved
from feature_repo.sme.training_sets import day_of, read_set
from scoreops.core.verdict import Verdict, holds
from scoreops.sme.anomaly_features import ANOMALY_FEATURES, Feedback, Transactions, anomaly_features
from scoreops.sme.anomaly_recipe import HELD_DAYS
from scoreops.sme.calendar import as_seconds

SET: Final = "transactions"
POPULATION_DAYS: Final = 28
SAMPLE: Final = 2_000
"""Transactions whose features are computed again."""


def rows(known: Known) -> pd.DataFrame:
    """org_id, transaction_id, booked_at, label (what people said, or nothing), held_out, the features."""
    frame = _features(known)
    frame["held_out"] = _days_before(frame, known.until) <= HELD_DAYS
    return frame


def population(known: Known) -> pd.DataFrame:
    """The transactions of the last days."""
    frame = _features(known)
    return frame[_days_before(frame, known.until) <= POPULATION_DAYS].reset_index(drop=True)


def _features(known: Known) -> pd.DataFrame:
    booked, said = read_set(known.folder, SET), read_set(known.folder, "feedback")
    features = anomaly_features(Transactions.of(booked), Feedback.on(booked, said))
    kept = booked[["org_id", "transaction_id", "booked_at", "label"]].reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(features, columns=list(ANOMALY_FEATURES.columns))], axis=1)


def _days_before(frame: pd.DataFrame, until: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(day_of(until) - as_seconds(frame["booked_at"]) / 86_400.0)


def leakage(known: Known) -> list[Verdict]:
    """The features of the first transactions do not change when all later ones are taken away."""
    booked = read_set(known.folder, SET)
    half = len(booked) // 2
    first, every = Transactions.of(booked[:half]), Transactions.of(booked)
    at = np.arange(max(half - SAMPLE, 0), half)
    fresh, told = anomaly_features(first)[at], anomaly_features(every)[at]
    names = moved(ANOMALY_FEATURES.columns, fresh, told)
    words = f"later transactions change {', '.join(names[:5])}" if names else "no column knows later transactions"
    return [holds("leakage_sme_anomaly", bool(half) and not names, len(at), words)]


FRAME: Final = Frame(rows, population, leakage)
