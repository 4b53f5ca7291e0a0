"""How the anomaly score is trained, without labels, and how people's verdicts move its thresholds afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import Refused
from scoreops.core.onnx_models import export_isolation_forest, single
from scoreops.sme.anomaly import GRID, QUANTILES, WAYS, AnomalyModel, Side, excess, joined
from scoreops.sme.anomaly_features import ANOMALY_FEATURES, ODD

Array = NDArray[np.float64]

MIN_ROWS: Final = 300
MIN_SIDE: Final = 100
WARM_DAYS: Final = 45
"""Days of a company's history before which most of what it does is new."""
TREES: Final = 100
SAMPLES: Final = 1024
MOST: Final = 200_000
"""Rows of one direction that medians and limits are taken from; more are thinned out evenly."""
LIMIT: Final = 0.99
TRIMMED: Final = 0.02
"""Share of the strangest rows that medians and limits are taken without, so that they do not hide each other."""
TRIMS: Final = 2
_LEAST: Final = 0.25
"""A column's limit is at least so many standard deviations: where hardly anything ever happens it would be 0."""
PRECISION: Final = (0.2, 0.5, 0.8)
"""The share of true alarms that low, medium and high are to have once people have judged enough of them."""
MIN_VERDICTS: Final = 10


@dataclass(frozen=True)
class TrainedAnomaly:
    """The model and how much each column mattered: its share of the excess of the strangest one in a hundred."""

    model: AnomalyModel
    importance: dict[str, float]


def train_anomaly(features: Array, *, seed: int = 7, trees: int = TREES, warm_days: int = WARM_DAYS) -> TrainedAnomaly:
    """Train on rows (n, d) in the order of ANOMALY_FEATURES and of time; a direction without rows borrows the other's.

    Raises Refused when there are too few rows.
    """
    sides, shares = {}, np.zeros(ODD)
    for way in WAYS:
        rows = usual_rows(features, way, warm_days)
        sides[way], share = _side(rows, seed, trees)
        shares += share * len(rows)
    importance = shares / max(shares.sum(), 1e-12)
    return TrainedAnomaly(
        AnomalyModel(sides), dict(zip(ANOMALY_FEATURES.columns[:ODD], importance.tolist(), strict=True))
    )


def usual_rows(features: Array, way: str, warm_days: int = WARM_DAYS) -> Array:
    """The rows of one direction that are learnt from: with a history to compare with, at most MOST, spread evenly."""
    history, outflow = (features[:, ANOMALY_FEATURES.columns.index(name)] for name in ("history_days", "outflow"))
    warm = history >= warm_days
    if warm.sum() < MIN_ROWS:
        raise Refused(f"{warm.sum()} transactions with {warm_days} days of history before them; {MIN_ROWS} are needed")
    mine = warm & (outflow == WAYS.index(way))
    rows = features[mine if mine.sum() >= MIN_SIDE else warm]
    return rows[:: max(1, len(rows) // MOST)]


def limits(rows: Array) -> tuple[Array, Array]:
    """Median and scale of the odd columns, (16,) each."""
    odd = rows[:, :ODD]
    known = np.where(np.isnan(odd).all(axis=0), 0.0, odd)  # a column that is never known is never odd
    median, limit = np.nanmedian(known, axis=0), np.nanquantile(known, LIMIT, axis=0)
    return median, np.maximum(limit - median, np.maximum(_LEAST * np.nanstd(known, axis=0), 1e-3))


def fit_forest(beyond: Array, seed: int, trees: int) -> Any:
    """IsolationForest of excesses (n, 16)."""
    from sklearn.ensemble import IsolationForest

    samples = min(SAMPLES, len(beyond))
    return IsolationForest(n_estimators=trees, max_samples=samples, random_state=seed, n_jobs=1).fit(single(beyond))


def _side(rows: Array, seed: int, trees: int) -> tuple[Side, Array]:
    usual = rows
    for _ in range(TRIMS):
        median, scale = limits(usual)
        strange = (excess(rows, median, scale) ** 2).sum(axis=1)
        usual = rows[strange <= np.quantile(strange, 1 - TRIMMED)]
    median, scale = limits(usual)
    beyond = excess(rows, median, scale)
    forest = fit_forest(beyond, seed, trees)
    score = joined(-forest.score_samples(single(beyond)), beyond)
    top = beyond[score >= np.quantile(score, LIMIT)] ** 2
    side = Side(
        forest=export_isolation_forest(forest, beyond[:: max(1, len(beyond) // 1000)]),
        median=median,
        scale=scale,
        quantiles=tuple(np.percentile(score, GRID).tolist()),
        thresholds=tuple(np.quantile(score, QUANTILES).tolist()),
    )
    return side, top.sum(axis=0) / max(float(top.sum()), 1e-12)


def retuned(score: Array, true: NDArray[np.bool_], thresholds: tuple[float, ...]) -> tuple[float, ...]:
    """Thresholds moved to what people said of transactions of one direction with these scores.

    A level begins at the lowest score above which its share of PRECISION was true; at least MIN_VERDICTS verdicts above
    it are needed, else the threshold stays. Levels never cross.
    """
    order = np.argsort(-score, kind="stable")
    ranked, count = score[order], np.arange(1, len(score) + 1)
    precision = np.cumsum(true[order]) / count
    last_of_ties = np.append(np.diff(ranked) != 0, True) if len(ranked) else np.zeros(0, dtype=np.bool_)
    made = []
    for threshold, wanted in zip(thresholds, PRECISION, strict=True):
        good = np.flatnonzero((count >= MIN_VERDICTS) & (precision >= wanted) & last_of_ties)
        bad = len(score) >= MIN_VERDICTS and not len(good)
        made.append(float(ranked[good[-1]]) if len(good) else float(max(threshold, ranked[0])) if bad else threshold)
    return tuple(np.maximum.accumulate(made).tolist())
