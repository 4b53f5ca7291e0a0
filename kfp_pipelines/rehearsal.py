"""Rehearsals: what gates are for, made to happen on purpose, such as "trust=permuted,success=drifted"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoreops.core.errors import Unsupported

if TYPE_CHECKING:
    import pandas as pd

PERMUTED: Final = "permuted"
"""The candidate is trained on features in another order than the one that is served."""
DRIFTED: Final = "drifted"
"""A source has begun to count in another unit."""
_COUNTED: Final = ("clicks", "orders", "revenue", "visits", "followers", "engagement", "reach", "like")


def fault_of(rehearse: str, score: str) -> str:
    """What is rehearsed for `score`, or "". Raises Unsupported for what there is not."""
    parts = [part.partition("=") for part in rehearse.split(",") if part]
    for name, _, fault in parts:
        if (name, fault) not in {("trust", PERMUTED), ("trust", DRIFTED), ("success", DRIFTED)}:
            raise Unsupported(f"{name}={fault} is not one of trust=permuted, trust=drifted, success=drifted")
    return next((fault for name, _, fault in parts if name == score), "")


def drifted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with every count 25 times as large."""
    counts = [str(name) for name in rows.select_dtypes("float64") if any(word in str(name) for word in _COUNTED)]
    return rows.assign(**{name: rows[name] * 25 for name in counts})
