"""The newest comments under a KOL's posts as they stood at a moment, from the lake's raw events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.lake_writer import RAW
from scoreops.adapters.lake import Lake, both, equal, in_hours
from scoreops.kol.text import MAX_COMMENTS
from scoreops.kol.tiles import HOUR_US

WEEK_HOURS = 168


def comments_before(
    lake: Lake, kols: Sequence[str], times_us: NDArray[np.int64], *, limit: int = MAX_COMMENTS
) -> list[list[str]]:
    """For each of n (KOL, moment) the texts of the last `limit` comments of the week before, oldest first."""
    if not len(kols):
        return []
    hours = range(int(times_us.min()) // HOUR_US - WEEK_HOURS, int(times_us.max()) // HOUR_US + 1)
    where = both(equal("type", "comment"), in_hours("event_time", hours))
    columns = ("kol_id", "event_id", "event_time", "text", "type")
    by_kol = _by_kol(lake.scan(RAW, where, columns))
    made = []
    for kol, at in zip(kols, times_us, strict=True):
        stamps, texts = by_kol.get(kol, (np.empty(0, np.int64), []))
        last = int(np.searchsorted(stamps, at, side="left"))
        first = int(np.searchsorted(stamps, at - WEEK_HOURS * HOUR_US, side="left"))
        made.append(texts[max(first, last - limit) : last])
    return made


def _by_kol(table: pa.Table) -> dict[str, tuple[NDArray[np.int64], list[str]]]:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    ordered = (
        frame.unique("event_id", keep="first")
        .with_columns(us=pl.col("event_time").dt.epoch("us"))
        .sort("kol_id", "us", "event_id")
    )
    parts = ordered.partition_by("kol_id", as_dict=True, maintain_order=True)
    return {str(key[0]): (part["us"].to_numpy(), part["text"].to_list()) for key, part in parts.items()}
