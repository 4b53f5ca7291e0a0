"""The offline store: one Parquet file for each view, sorted by KOL and time, replaced as a whole.

Hourly features of hour h are stamped h and created h: they use the hours before h only, so that at h they are known.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from feature_repo.views import JOIN_KEY, LAG_VIEW, ROLLING_VIEW, VIEWS, View
from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput
from scoreops.kol.features import HORIZON_MINUTES, rolling
from scoreops.kol.hours import HourCube
from scoreops.kol.success_features import COUPLING
from scoreops.kol.tiles import HOUR_US, MINUTE_US, Tiles

Hours = NDArray[np.int64]
_TIME: Final = pa.timestamp("us", "UTC")


def write_offline(cube: HourCube, settings: Settings, hours: Mapping[str, Hours] | Hours) -> dict[str, int]:
    """Compute the hourly views and replace their files. Returns the number of rows of each.

    Args:
        cube: the history; hour h needs the hours before h, so the cube should begin a week earlier.
        settings: where the files are.
        hours: ascending hours of the rows, for every hourly view or for each by its name (others are left alone).
    """
    wanted = hours if isinstance(hours, Mapping) else {view.name: hours for view in VIEWS.values() if view.compute}
    written = {}
    for name, at in wanted.items():
        written[name] = _replace(settings, name, hourly_table(VIEWS[name], cube, at))
    return written


def hourly_table(view: View, cube: HourCube, hours: Hours) -> pa.Table:
    """Rows of an hourly view: kol_id, event_timestamp, created, features; sorted by KOL and hour, missing is null."""
    if view.compute is None:
        raise BadInput(f"the view {view.name} is not computed by the hour", "view")
    values = view.compute(cube, hours).reshape(len(cube.kols) * len(hours), len(view.features))
    stamps = pa.array(np.tile(hours * HOUR_US, len(cube.kols)), pa.int64()).cast(_TIME)
    kols = pa.array(cube.kols, pa.string()).take(pa.array(np.repeat(np.arange(len(cube.kols)), len(hours))))
    columns = {name: pa.array(values[:, i], from_pandas=True) for i, name in enumerate(view.features)}
    return pa.table({JOIN_KEY: kols, "event_timestamp": stamps, "created": stamps, **columns})


def write_rolling(tiles: Tiles, settings: Settings, minutes: Hours) -> int:
    """Replace the file of the rolling view with the features at the end of each of these minutes.

    `tiles` as `rolling` wants them. A minute costs milliseconds, so this is for a day's hours, not for every minute.
    """
    end = pl.col("minute").add(1).mul(MINUTE_US).cast(pl.Datetime("us", "UTC"))
    frames = [rolling(_recent(tiles, int(minute)), int(minute)) for minute in minutes]
    if not frames:
        raise BadInput("no minutes are given", "minutes")
    stamped = pl.concat(frames).sort(JOIN_KEY, "minute").with_columns(event_timestamp=end, created=end)
    table = stamped.select(JOIN_KEY, "event_timestamp", "created", *ROLLING_VIEW.features).to_arrow()
    return _replace(settings, ROLLING_VIEW.name, table)


def write_trust_lag(scores: pd.DataFrame, settings: Settings) -> int:
    """Replace the file of the trust lag view. Returns the number of rows.

    Args:
        scores: kol_id, hour (of the features that were scored, int since the epoch) and trust_score. For training these
            must be out-of-fold scores: a score of a model that saw the label would carry it over.
        settings: where the file is.
    """
    frame = scores.sort_values([JOIN_KEY, "hour"])
    scored = frame["hour"].to_numpy(np.int64) * HOUR_US
    stamps = pa.array(scored + HOUR_US).cast(_TIME)
    table = pa.table(
        {
            JOIN_KEY: pa.array(frame[JOIN_KEY].astype(str)),
            "event_timestamp": stamps,
            "created": stamps,
            COUPLING: pa.array(frame["trust_score"].to_numpy(np.float64), from_pandas=True),
            "scored_at": pa.array(scored).cast(_TIME),
        }
    )
    return _replace(settings, LAG_VIEW.name, table)


def _recent(tiles: Tiles, minute: int) -> Tiles:
    return Tiles(
        tiles.minutes.filter(pl.col("minute").is_between(minute - HORIZON_MINUTES, minute)),
        tiles.posts.filter(pl.col("minute") <= minute),
    )


def _replace(settings: Settings, view: str, table: pa.Table) -> int:
    target: Path = settings.offline_dir / f"{view}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(f".{os.getpid()}")
    try:
        pq.write_table(table, aside, use_dictionary=[JOIN_KEY], compression="lz4")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return len(table)
