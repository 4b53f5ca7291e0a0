"""Whether probabilities mean what they say, judged after every label: the expected calibration error and its error.

Over fixed bins of the probability let S_b be the sum of (label - probability) of bin b. The expected calibration error
is sum |S_b| / n, the largest of the sums +-S_1 +-S_2 ... over all signs. Each of those is a sum of bounded differences
whose deviation from its mean stays, at all times at once and with probability 1 - a, within

    width = sqrt(2 (V + r) (log(1 / a) + log(1 + V / r) / 2))

by Robbins' normal mixture, V being the sum of the variances and r a number chosen beforehand. With a = alpha / 2^bins
it holds for all signs, so the error lies within +-width / n of what is seen. V is not known; that within the bins,
which is not below it in the mean, stands for it. This makes it an asymptotic confidence sequence (Waudby-Smith, Arbour,
Sinha, Kennedy and Ramdas 2021): for a few dozen labels alpha is what is meant rather than what is proved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoreops.core.errors import BadInput
from scoreops.core.sequential import NEVER
from scoreops.core.verdict import Outcome, Verdict, invalid

Array = NDArray[np.float64]

EDGES: Final = (0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97)
"""Inner edges of the bins, finer where small differences of a probability are large ones of the odds."""
COUNT: Final = len(EDGES) + 1
_START: Final = 50.0
"""The r of the mixture: the sum of variances at which its width is narrowest, some 300 labels."""
_ZEROS: Final = (0.0,) * COUNT


@dataclass(frozen=True)
class Bins:
    """Counts, sums of probabilities and sums of labels by bin, (bins,) each; they add up over batches."""

    counts: tuple[int, ...] = (0,) * COUNT
    probabilities: tuple[float, ...] = _ZEROS
    labels: tuple[float, ...] = _ZEROS

    def __post_init__(self) -> None:
        if not len(self.counts) == len(self.probabilities) == len(self.labels) == COUNT:
            raise BadInput(f"{len(self.counts)} bins where {COUNT} are kept", "counts")

    @property
    def n(self) -> int:
        """Labels seen."""
        return sum(self.counts)

    def plus(self, labels: ArrayLike, probabilities: ArrayLike) -> Bins:
        """With a batch of labels in {0, 1} and probabilities in [0, 1] more, (n,) each."""
        y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
        place = np.searchsorted(EDGES, p, side="right")
        batch = (np.bincount(place, weights, COUNT).tolist() for weights in (p, y))
        counts = tuple(int(count) for count in np.bincount(place, minlength=COUNT))
        return self + Bins(counts, *(tuple(sums) for sums in batch))

    def __add__(self, other: Bins) -> Bins:
        """Both batches as one."""
        mine, theirs = asdict(self), asdict(other)
        return Bins(**{name: tuple(a + b for a, b in zip(mine[name], theirs[name], strict=True)) for name in mine})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Bins:
        """What `as_dict` gave."""
        return cls(**{name: tuple(values) for name, values in kept.items()})


def calibration_error(bins: Bins) -> float:
    """Mean absolute distance between labels and probabilities over the bins, in [0, 1]; NaN without a label."""
    gaps = np.abs(np.array(bins.labels) - np.array(bins.probabilities))
    return float(gaps.sum() / bins.n) if bins.n else math.nan


def calibration_interval(bins: Bins, alpha: float) -> tuple[float, float]:
    """Lower and upper end for the error, each wrong with probability alpha at most over the whole run."""
    if not bins.n:
        return 0.0, 1.0
    error, width = calibration_error(bins), _width(_variance(bins), alpha) / bins.n
    return max(0.0, error - width), min(1.0, error + width)


def judge_calibration(gate: str, bins: Bins, limit: float, alpha: float) -> Verdict:
    """Fail when the error is shown to be above `limit`, Pass when shown to be below; `n` and `need` count labels."""
    if not (0 < alpha < 0.5 and 0 < limit < 1):
        return invalid(gate, f"alpha {alpha:g} and limit {limit:g} must lie within (0, 0.5) and (0, 1)", bins.n)
    low, high = calibration_interval(bins, alpha)
    error = calibration_error(bins)
    said = f"calibration error {error:.3f}, within {low:.3f} to {high:.3f} at alpha {alpha:g}; limit {limit:g}"
    for outcome, decided in ((Outcome.FAIL, low > limit), (Outcome.PASS, high <= limit)):
        if decided:
            return Verdict(gate, outcome, bins.n, bins.n, error, limit, said)
    need = _need(bins, limit, alpha)
    more = "no end in sight" if need == NEVER else f"about {need - bins.n:,} labels more"
    value = error if bins.n else None
    said = f"{said}; {more}" if bins.n else f"no label yet; {more}"
    return Verdict(gate, Outcome.INSUFFICIENT, bins.n, need, value, limit, said)


def _variance(bins: Bins) -> float:
    """Sum of the variances of the labels, from those within the bins; a bin of one label counts as unsure."""
    counts, ones = np.array(bins.counts, dtype=np.float64), np.array(bins.labels)
    rate = (ones + 1) / (counts + 2)
    return float(np.sum(counts * rate * (1 - rate)))


def _width(variance: float, alpha: float) -> float:
    signs = COUNT * math.log(2)
    grown = variance + _START
    return math.sqrt(2 * grown * (signs - math.log(alpha) + math.log(grown / _START) / 2))


def _need(bins: Bins, limit: float, alpha: float) -> int:
    """Labels after which the answer would be there: what chance adds to the error of few labels is taken off.

    Before the first label a tenth of the answers is taken to be positive, and a fair score to be off by nothing.
    """
    n = bins.n
    per_label = _variance(bins) / n if n else 0.09
    chance = math.sqrt(2 / math.pi * COUNT * per_label / n) if n else 0.0
    error = max(0.0, calibration_error(bins) - chance) if n else 0.0
    for asked in np.unique(np.ceil(np.geomspace(n + 1, NEVER, 400))):
        noise = math.sqrt(2 / math.pi * COUNT * per_label / asked)
        if abs(limit - error) >= noise + _width(per_label * asked, alpha) / asked:
            return int(asked)
    return NEVER
