"""Rehearsals: what gates are for, made to happen on purpose, such as "trust=permuted,success=drifted"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scoreops.catalog import SCORES, recipe_of
from scoreops.core.errors import Unsupported

if TYPE_CHECKING:
    import pandas as pd

SHIFT: Final = 12
FACTOR: Final = 25


def fault_of(rehearse: str, score: str) -> str:
    """What is rehearsed for `score`, or "". Raises Unsupported for what there is not."""
    there = [(s.name, fault) for s in SCORES.values() if s.recipe for fault in s.recipe.rehearsals]
    parts = [part.partition("=") for part in rehearse.split(",") if part]
    for name, _, fault in parts:
        if (name, fault) not in there:
            choices = ", ".join(f"{known}={what}" for known, what in there)
            raise Unsupported(f"{name}={fault} is not one of {choices}")
    return next((fault for name, _, fault in parts if name == score), "")


def permuted(columns: Sequence[str]) -> tuple[str, ...]:
    """The same columns in another order."""
    shift = min(SHIFT, len(columns) // 2)
    return (*columns[shift:], *columns[:shift])


def drifted(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """The rows with every count FACTOR times as large."""
    words = recipe_of(score).counted
    counts = [str(name) for name in rows.select_dtypes("float64") if any(word in str(name) for word in words)]
    return rows.assign(**{name: rows[name] * FACTOR for name in counts})
