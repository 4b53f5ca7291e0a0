"""Measures of scores and forecasts. Arrays are one-dimensional and of equal length unless said otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    return np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve in [0, 1], ties count half; NaN when a class is missing."""
    y, s = _pair(labels, scores)
    positives = y > 0.5
    n1, n0 = int(positives.sum()), int((~positives).sum())
    if not n1 or not n0:
        return float("nan")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((rank[positives].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared error of probabilities, in [0, 1], lower is better."""
    y, p = _pair(labels, probabilities)
    return float(np.mean((p - y) ** 2))


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> Array:
    """Rows (mean probability, share of positives, count) of equal-mass bins, (<= bins, 3)."""
    y, p = _pair(labels, probabilities)
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(p))) if len(part)]
    return np.array([(p[part].mean(), y[part].mean(), len(part)) for part in parts])


def ece(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, *, debias: bool = True) -> float:
    """Expected calibration error over equal-mass bins, in [0, 1].

    A perfectly calibrated score on few rows still shows a gap in every bin; with `debias` the squared gap that chance
    alone explains is taken off (Kumar et al., Verified Uncertainty Calibration, 2019, in its L2 form).
    """
    table = reliability(labels, probabilities, bins)
    mean, share, count = table[:, 0], table[:, 1], table[:, 2]
    if not debias:
        return float(np.average(np.abs(mean - share), weights=count))
    chance = share * (1 - share) / np.maximum(count - 1, 1)
    return float(np.sqrt(max(0.0, np.average((mean - share) ** 2 - chance, weights=count))))


def smape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Symmetric mean absolute percentage error in [0, 2]; a pair of zeros counts 0."""
    y, f = _pair(actual, forecast)
    scale = np.abs(y) + np.abs(f)
    return float(np.mean(np.divide(2 * np.abs(y - f), scale, out=np.zeros_like(scale), where=scale > 0)))


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Sum of absolute errors by the sum of absolute values; NaN when nothing happened."""
    y, f = _pair(actual, forecast)
    total = np.abs(y).sum()
    return float(np.abs(y - f).sum() / total) if total > 0 else float("nan")


def rmsle(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Root mean squared error of log1p; both must be >= 0."""
    y, f = _pair(actual, forecast)
    return float(np.sqrt(np.mean((np.log1p(f) - np.log1p(y)) ** 2)))


def pinball(actual: ArrayLike, quantile_forecast: ArrayLike, level: float) -> float:
    """Pinball loss of a forecast of the `level` quantile, level in (0, 1)."""
    y, f = _pair(actual, quantile_forecast)
    return float(np.mean(np.maximum(level * (y - f), (level - 1) * (y - f))))


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of values inside [low, high], bounds included."""
    y, lo = _pair(actual, low)
    return float(np.mean((y >= lo) & (y <= np.asarray(high, dtype=np.float64))))


def auc_lower_bound(labels: ArrayLike, scores: ArrayLike, confidence_z: float = 1.645) -> float:
    """One-sided lower bound of the AUC (Hanley and McNeil 1982); z = 1.645 means 95 %."""
    y = np.asarray(labels, dtype=np.float64)
    a, n1 = auc(labels, scores), float((y > 0.5).sum())
    n0 = len(y) - n1
    if np.isnan(a):
        return a
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + (n1 - 1) * (q1 - a * a) + (n0 - 1) * (q2 - a * a)) / (n1 * n0)
    return float(a - confidence_z * np.sqrt(max(variance, 0.0)))
