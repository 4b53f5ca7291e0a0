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


def brier_losses(labels: ArrayLike, probabilities: ArrayLike) -> Array:
    """Squared errors of probabilities, (n,), in [0, BRIER_BOUND]."""
    return np.asarray((np.asarray(probabilities, dtype=np.float64) - np.asarray(labels, dtype=np.float64)) ** 2)


def brier_differences(labels: ArrayLike, stable: ArrayLike, candidate: ArrayLike) -> Array:
    """Squared errors of the candidate's probabilities less those of stable's, (n,), within +-BRIER_BOUND."""
    return brier_losses(labels, candidate) - brier_losses(labels, stable)


def log_loss_bound(clip: float = CLIP) -> float:
    """The largest difference of two clipped log losses, in nats. Raises BadInput unless clip is in (0, 0.5)."""
    if not 0 < clip < 0.5:
        raise BadInput(f"{clip:g} is not between 0 and 0.5", "clip")
    return math.log((1 - clip) / clip)


def log_losses(labels: ArrayLike, probabilities: ArrayLike, clip: float = CLIP) -> Array:
    """Log losses of probabilities clipped to [clip, 1 - clip], in nats above that of a sure and right one, (n,).

    In [0, log_loss_bound(clip)]. Labels are 0 or 1; another label, or a probability outside of [0, 1], gives NaN.
    """
    bound = log_loss_bound(clip)
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    of_label = np.where(y == 1, p, np.where(y == 0, 1 - p, np.nan))
    of_label = np.where((of_label >= 0) & (of_label <= 1), of_label, np.nan)
    losses = math.log(1 - clip) - np.log(np.clip(of_label, clip, 1 - clip))
    # A last rounding error may lie just outside of the bound, and must not make the answer unusable.
    return np.asarray(np.clip(losses, 0, bound))


def log_loss_differences(labels: ArrayLike, stable: ArrayLike, candidate: ArrayLike, clip: float = CLIP) -> Array:
    """Clipped log losses of the candidate's probabilities less those of stable's, in nats, (n,).

    What is compared is the clipped loss: within +-log_loss_bound(clip).
    """
    return log_losses(labels, candidate, clip) - log_losses(labels, stable, clip)


def value_differences(stable: ArrayLike, candidate: ArrayLike, cap: float) -> Array:
    """Money lost by asking the candidate instead of stable, (n,), in the unit of `cap` and within +-cap.

    Each argument is what a decision earned. Differences beyond the cap count as the cap: what is compared is the capped
    mean, so a cap should be a loss on one request that is as bad as can be.
    """
    lost = np.asarray(stable, dtype=np.float64) - np.asarray(candidate, dtype=np.float64)
    return np.asarray(np.clip(lost, -cap, cap))


def split_bound(bound: float, share: float) -> float:
    """The bound of `split_differences` of losses in [0, bound]. Raises BadInput unless share is in (0, 1)."""
    if not 0 < share < 1:
        raise BadInput(f"{share:g} is not between 0 and 1", "share")
    return bound / min(share, 1 - share)


def split_differences(losses: ArrayLike, by_candidate: ArrayLike, *, share: float, usual: float) -> Array:
    """Losses (n,) of requests that one model each answered, as differences: for quality without a shadow.

    Each request must go to the candidate with probability `share`, whatever it is. A loss less `usual`, divided by the
    probability of its arm, stable's with the sign turned, then has the difference of the mean losses as its mean.
    `usual` is stable's mean loss from before: the closer, the fewer requests, and the less does a share that is not the
    intended one matter. The same questions asked in pairs need ten times fewer at least.
    """
    excess = np.asarray(losses, dtype=np.float64) - usual
    return np.where(np.asarray(by_candidate, dtype=bool), excess / share, -excess / (1 - share))
