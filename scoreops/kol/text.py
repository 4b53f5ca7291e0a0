"""The text branch: how much the comments under a KOL's posts read like those under a dishonest one's.

Character n-grams are hashed into a fixed number of columns (CRC-32, so any process hashes alike), averaged over the
comments, and weighed by a logistic model. A KOL with too few comments has no text score.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.calibration import Linear, fit_logistic, sigmoid
from scoreops.kol.lexicon import fold_case

Array = NDArray[np.float64]

COLUMNS: Final = 4_096
MIN_COMMENTS: Final = 8
MAX_COMMENTS: Final = 60
"""Newest comments of a KOL that are read."""
_SIZES: Final = (3, 5)
_L2: Final = 1.0


def embed(comments: Sequence[str]) -> Array:
    """(COLUMNS,) hashed n-gram profile of unit length, the repeats of a text damped; zeros below MIN_COMMENTS."""
    profile = np.zeros(COLUMNS)
    if len(comments) < MIN_COMMENTS:
        return profile
    for text in comments[-MAX_COMMENTS:]:
        padded = f" {fold_case(text)} ".encode()
        for size in _SIZES:
            for start in range(max(len(padded) - size + 1, 1)):
                profile[zlib.crc32(padded[start : start + size]) % COLUMNS] += 1
    profile = np.sqrt(profile)
    return np.asarray(profile / np.linalg.norm(profile))


def embed_all(comments: Sequence[Sequence[str]]) -> Array:
    """(n, COLUMNS) profiles of n KOLs."""
    return np.array([embed(texts) for texts in comments]).reshape(len(comments), COLUMNS)


def fit_text(profiles: Array, labels: Array) -> Linear:
    """A logistic model of label 1 over the rows that have a profile."""
    known = profiles.any(axis=1)
    return fit_logistic(profiles[known], labels[known], l2=_L2)


def text_logit(model: Linear, profiles: Array) -> Array:
    """(n,) log-odds of label 1; 0 where there is no profile."""
    known = profiles.any(axis=1)
    return np.where(known, np.clip(model.logit(profiles), -8, 8), 0.0)


def probability(model: Linear, profiles: Array) -> Array:
    """(n,) probability of label 1; 0.5 where there is no profile."""
    return sigmoid(text_logit(model, profiles))
