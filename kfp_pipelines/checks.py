"""Data checks: what must hold of training rows before anything is learnt from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from feature_repo.frames import Known, frame
from scoreops.catalog import recipe_of
from scoreops.catalog import score as catalogued
from scoreops.core.metrics import auc
from scoreops.core.verdict import Outcome, Verdict, holds

TOO_GOOD: Final = 0.995
MIN_KNOWN: Final = 50
"""Values of a column without which nothing is said of it."""


def check_rows(rows: pd.DataFrame, score: str) -> list[Verdict]:
    """Enough rows, none twice, no infinite value, no column that knows the label by itself."""
    recipe, columns = recipe_of(score), catalogued(score).schema.columns
    n, need = len(rows), recipe.min_rows
    twice = int(rows.duplicated(list(recipe.key)).sum())
    infinite = [name for name in columns if np.isinf(rows[name].to_numpy(np.float64)).any()]
    outcome = Outcome.PASS if n >= need else Outcome.INSUFFICIENT
    verdicts = [
        Verdict("rows", outcome, n, need, float(n), float(need), f"{n} rows, {need} are needed"),
        holds("repeated_rows", not twice or recipe.may_repeat, n, f"{twice} rows come twice"),
        holds("finite", not infinite, n, f"infinite values in {', '.join(infinite[:5]) or 'no column'}"),
    ]
    if recipe.label:
        verdicts.append(_too_good(rows, recipe.label, columns))
    return verdicts


def _too_good(rows: pd.DataFrame, label: str, columns: Sequence[str]) -> Verdict:
    labels = rows[label].to_numpy(np.float64)
    found = []
    for name in columns:
        values = rows[name].to_numpy(np.float64)
        known = np.isfinite(values)
        power = auc(labels[known], values[known]) if known.sum() >= MIN_KNOWN else 0.5
        if not np.isnan(power) and max(power, 1 - power) > TOO_GOOD:
            found.append(name)
    words = f"{', '.join(found)} tells the label alone (AUC over {TOO_GOOD})" if found else "no column tells the label"
    return holds("too_good_to_be_true", not found, len(rows), words)


def check_leakage(known: Known, score: str) -> list[Verdict]:
    """Whether the features of a score hold what was not known at their time, as its frame checks it."""
    return frame(score).leakage(known)
