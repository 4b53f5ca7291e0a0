"""Differences of losses, candidate less stable, on the same requests; more is worse, and each has a bound.

A test that is exact for any sample size needs bounded differences. Squared errors have them, log loss gets them by
clipping the probabilities, money by a cap. What is no number stays NaN.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoreops.core.errors import BadInput

Array = NDArray[np.float64]

BRIER_BOUND: Final = 1.0
CLIP: Final = 0.01
"""Log loss takes a probability below this as this, and one above 1 - CLIP as that, for both models."""


def brier_differences(labels: ArrayLike, stable: ArrayLike, candidate: ArrayLike) -> Array:
    """Squared errors of the candidate's probabilities less those of stable's, (n,), within +-BRIER_BOUND."""
    y, p0, p1 = (np.asarray(values, dtype=np.float64) for values in (labels, stable, candidate))
    return np.asarray((p1 - y) ** 2 - (p0 - y) ** 2)


def log_loss_bound(clip: float = CLIP) -> float:
    """The largest difference of two clipped log losses, in nats. Raises BadInput unless clip is in (0, 0.5)."""
    if not 0 < clip < 0.5:
        raise BadInput(f"{clip:g} is not between 0 and 0.5", "clip")
    return math.log((1 - clip) / clip)


def log_loss_differences(labels: ArrayLike, stable: ArrayLike, candidate: ArrayLike, clip: float = CLIP) -> Array:
    """Log losses of the candidate's probabilities less those of stable's, in nats, (n,); labels are 0 or 1.

    Both are clipped to [clip, 1 - clip] first: what is compared is the clipped loss, within +-log_loss_bound(clip). A
    probability outside [0, 1] or a label that is neither 0 nor 1 gives NaN.
    """
    y = np.asarray(labels, dtype=np.float64)
    bound, losses = log_loss_bound(clip), []
    for given in (stable, candidate):
        p = np.asarray(given, dtype=np.float64)
        of_label = np.where(y == 1, p, np.where(y == 0, 1 - p, np.nan))
        of_label = np.where((of_label >= 0) & (of_label <= 1), of_label, np.nan)
        losses.append(-np.log(np.clip(of_label, clip, 1 - clip)))
    # A last rounding error may lie just outside of the bound, and must not make the pair unusable.
    return np.asarray(np.clip(losses[1] - losses[0], -bound, bound))


def value_differences(stable: ArrayLike, candidate: ArrayLike, cap: float) -> Array:
    """Money lost by asking the candidate instead of stable, (n,), in the unit of `cap` and within +-cap.

    Each argument is what a decision earned. Differences beyond the cap count as the cap: what is compared is the capped
    mean, so a cap should be a loss on one request that is as bad as can be.
    """
    lost = np.asarray(stable, dtype=np.float64) - np.asarray(candidate, dtype=np.float64)
    return np.asarray(np.clip(lost, -cap, cap))
