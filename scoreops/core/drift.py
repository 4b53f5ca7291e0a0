"""Whether features moved: PSI against a kept reference, with a critical value that knows the sample sizes.

Without drift PSI is about (1/n + 1/m) chi2(B - 1), so a fixed 0.1 or 0.25 alarms on every small sample and is blind on
large ones. Here each feature gets a p-value, the false-discovery rate over features is controlled (Benjamini and
Hochberg 1995), and a shift counts only when its PSI is also worth acting on. Too few rows is Insufficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.verdict import Outcome, Verdict

Array = NDArray[np.float64]

BINS: Final = 10
NEED_ROWS: Final = 200
MIN_PSI: Final = 0.1
"""Smallest PSI that is worth acting on, whatever its p-value: the usual "some shift"."""
FALSE_DISCOVERIES: Final = 0.01


@dataclass(frozen=True)
class Sketch:
    """Reference of one feature: inner bin edges, counts of the bins and, last, of missing values."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


def sketch(values: Array) -> Sketch:
    """Equal-mass bins of the finite values; ties may leave fewer than BINS bins. Missing values have a bin."""
    finite = values[np.isfinite(values)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1])) if len(finite) else np.empty(0)
    return Sketch(tuple(float(e) for e in edges), tuple(int(c) for c in _counts(values, edges)))


def _counts(values: Array, edges: Array) -> NDArray[np.int64]:
    finite = values[np.isfinite(values)]
    inside = np.bincount(np.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(finite))


def psi(reference: Sketch, values: Array) -> tuple[float, float]:
    """PSI in nats, >= 0, and its p-value under no drift."""
    expected = np.asarray(reference.counts, dtype=np.float64)
    seen = _counts(values, np.asarray(reference.edges)).astype(np.float64)
    used = (expected + seen) > 0
    expected, seen = expected[used] + 0.5, seen[used] + 0.5
    n, m = expected.sum(), seen.sum()
    p, q = expected / n, seen / m
    value = float(np.sum((p - q) * np.log(p / q)))
    return value, _chi2_tail(value / (1 / n + 1 / m), max(int(used.sum()) - 1, 1))


def _chi2_tail(value: float, freedom: int) -> float:
    """Probability that a chi-squared variable exceeds `value`; scipy.stats costs half a second to import."""
    from scipy.special import gammaincc

    return float(gammaincc(freedom / 2, value / 2))


@dataclass(frozen=True)
class Shift:
    """One feature's movement; `moved` after control of false discoveries and of effect size."""

    feature: str
    psi: float
    p_value: float
    moved: bool


def shifts(
    reference: Mapping[str, Sketch],
    columns: Sequence[str],
    rows: Array,
    *,
    false_discoveries: float = FALSE_DISCOVERIES,
) -> list[Shift]:
    """The movement of each column of rows (n, d) against its kept reference."""
    found = [psi(reference[name], rows[:, place]) for place, name in enumerate(columns)]
    p_values = np.array([p for _, p in found])
    order = np.argsort(p_values)
    limits = false_discoveries * np.arange(1, len(order) + 1) / len(order)
    below = np.nonzero(p_values[order] <= limits)[0]
    cut = p_values[order[below[-1]]] if len(below) else -1.0
    return [
        Shift(name, value, p, bool(p <= cut and value >= MIN_PSI))
        for name, (value, p) in zip(columns, found, strict=True)
    ]


def drift_verdict(
    moved: Sequence[Shift], rows: int, *, weights: Mapping[str, float] | None = None, limit: float = 0.2
) -> Verdict:
    """Fail when more than `limit` of the features moved; with `weights`, of their importance (summing to anything)."""
    weight = {shift.feature: (weights or {}).get(shift.feature, 0.0 if weights else 1.0) for shift in moved}
    total = sum(weight.values()) or 1.0
    share = sum(weight[shift.feature] for shift in moved if shift.moved) / total
    if rows < NEED_ROWS:
        reason = f"{rows} rows, {NEED_ROWS} are needed to tell drift from chance"
        return Verdict("drift", Outcome.INSUFFICIENT, rows, NEED_ROWS, share, limit, reason)
    worst = max(moved, key=lambda shift: shift.psi)
    count = sum(shift.moved for shift in moved)
    reason = (
        f"{count} of {len(moved)} features moved, {share:.0%} of the weight (limit {limit:.0%});"
        f" most: {worst.feature}, PSI {worst.psi:.2f}"
    )
    return Verdict("drift", Outcome.FAIL if share > limit else Outcome.PASS, rows, NEED_ROWS, share, limit, reason)
