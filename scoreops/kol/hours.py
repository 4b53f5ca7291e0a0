"""The hourly cube: tiles summed by KOL and hour into dense arrays, which models and alert rules read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoreops.kol.lexicon import SKETCH_BITS
from scoreops.kol.tiles import (
    COUNTERS,
    FIRST_SIGHT_US,
    HOUR_US,
    PROFILE,
    SUMS,
    TEXT_BITS,
    USER_BITS,
    Tiles,
    increments,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

VND_PER_USD_CENT: Final = 260
"""Reference rate that makes one currency of two in features: 26,000 VND for a dollar."""

PROFILE_CHANNELS: Final = ("followers", "following", "n_posts")
GAIN_CHANNELS: Final = tuple(f"d_{name}" for name in COUNTERS)
COUNT_CHANNELS: Final = (
    "n_events",
    "n_comments",
    "n_negative",
    "n_positive",
    "n_spam",
    "distinct_texts",
    "distinct_users",
    "visits",
    "clicks",
    "carts",
    "orders",
    "refunds",
    "revenue",
    "refunded",
    "new_posts",
)
CHANNELS: Final = (*PROFILE_CHANNELS, *GAIN_CHANNELS, *COUNT_CHANNELS)


def micros(times: pd.Series[Any]) -> NDArray[np.int64]:
    """(n,) microseconds since the epoch, whatever unit the column has."""
    return np.asarray(times.dt.as_unit("us").astype("int64").to_numpy(), np.int64)


def hours_of(rows: pd.DataFrame) -> NDArray[np.int64]:
    """(n,) hour since the epoch of each row's `event_timestamp`."""
    return micros(rows["event_timestamp"]) // HOUR_US


@dataclass(frozen=True)
class HourCube:
    """`values[channel]` is (n_kols, n_hours); column j is the whole hour `start + j`, hours since the epoch in UTC.

    Profile channels hold the last value known at the end of the hour, NaN before the first. The others are totals of
    the hour: gains may be negative, `revenue` and `refunded` are VND, distinct counts are estimates.
    """

    kols: tuple[str, ...]
    platforms: tuple[str, ...]
    start: int
    values: Mapping[str, Array]

    @property
    def stop(self) -> int:
        """The hour after the last one."""
        return self.start + int(self.values["followers"].shape[1])

    def __getitem__(self, channel: str) -> Array:
        """The (n_kols, n_hours) array of one channel."""
        return self.values[channel]

    def slice(self, start: int, stop: int) -> HourCube:
        """The hours in [start, stop), which must lie inside."""
        first = start - self.start
        return HourCube(
            self.kols, self.platforms, start, {k: v[:, first : stop - self.start] for k, v in self.values.items()}
        )

    def append(self, later: HourCube) -> HourCube:
        """This cube up to where `later` starts, then `later`, which has the same KOLs. Profiles are carried over."""
        head = self.slice(self.start, min(later.start, self.stop))
        joined = {name: np.concatenate([head.values[name], later.values[name]], axis=1) for name in CHANNELS}
        for name in PROFILE_CHANNELS:
            joined[name] = _carry_forward(joined[name])
        return HourCube(self.kols, self.platforms, self.start, joined)


def hour_cube(tiles: Tiles, start: int, stop: int, kols: Sequence[str] | None = None) -> HourCube:
    """The cube of the hours in [start, stop).

    Tiles before `start` are used to know the profile and the counters at its beginning. `kols` fixes the rows; without
    it they are the KOLs of the tiles, sorted.
    """
    minutes = tiles.minutes.filter(pl.col("minute") < stop * 60)
    if kols is None:
        kols = sorted(minutes.get_column("kol_id").unique())
    index = pl.DataFrame({"kol_id": pl.Series(list(kols), dtype=pl.String), "row": np.arange(len(kols))})
    shape = (len(kols), stop - start)
    hourly = _hourly(minutes).join(index, on="kol_id")
    values = _profiles(hourly, shape, start)
    inside = hourly.filter(pl.col("hour") >= start)
    rows, columns = inside["row"].to_numpy(), inside["hour"].to_numpy() - start
    for channel, series in _totals(inside).items():
        values[channel] = np.zeros(shape)
        values[channel][rows, columns] = series.to_numpy()
    values |= _gains(tiles.posts.filter(pl.col("minute") < stop * 60).join(index, on="kol_id"), shape, start)
    platforms = dict(minutes.group_by("kol_id").agg(pl.col("platform").max()).iter_rows())
    return HourCube(tuple(kols), tuple(platforms.get(kol, "") for kol in kols), start, values)


def _hourly(minutes: pl.DataFrame) -> pl.DataFrame:
    return (
        minutes.with_columns(hour=pl.col("minute") // 60)
        .sort("kol_id", "minute")
        .group_by("kol_id", "hour", maintain_order=True)
        .agg(
            *(pl.col(name).sum() for name in SUMS),
            *(pl.col(name).bitwise_or() for name in (*TEXT_BITS, *USER_BITS)),
            *(pl.col(name).drop_nulls().last() for name in PROFILE),
        )
    )


def distinct(bits: Sequence[str]) -> pl.Expr:
    """Linear counting: how many distinct items set these bits. A full sketch counts as one bucket short of full."""
    ones = pl.sum_horizontal(pl.col(name).bitwise_count_ones().cast(pl.Int64) for name in bits)
    free = (SKETCH_BITS - ones).clip(1, None).cast(pl.Float64)
    return -SKETCH_BITS * (free / SKETCH_BITS).log()


def money(vnd: str, usd: str) -> pl.Expr:
    """VND of two columns of minor units."""
    return (pl.col(vnd) + pl.col(usd) * VND_PER_USD_CENT).cast(pl.Float64)


def _totals(hourly: pl.DataFrame) -> dict[str, pl.Series]:
    same = ("n_events", "n_comments", "n_negative", "n_positive", "n_spam")
    renamed = {"visits": "n_views", "clicks": "n_clicks", "carts": "n_carts"}
    renamed |= {"orders": "n_purchases", "refunds": "n_refunds"}
    frame = hourly.select(
        *(pl.col(name).cast(pl.Float64) for name in same),
        *(pl.col(old).cast(pl.Float64).alias(new) for new, old in renamed.items()),
        distinct(TEXT_BITS).alias("distinct_texts"),
        distinct(USER_BITS).alias("distinct_users"),
        money("revenue_vnd", "revenue_usd").alias("revenue"),
        money("refunded_vnd", "refunded_usd").alias("refunded"),
    )
    return frame.to_dict()


def _profiles(hourly: pl.DataFrame, shape: tuple[int, int], start: int) -> dict[str, Array]:
    known = hourly.filter(pl.col("followers").is_not_null())
    column = (known["hour"].to_numpy() - start).clip(-1) + 1  # column 0: before the start; the last one wins
    values = {}
    for name in PROFILE_CHANNELS:
        wide = np.full((shape[0], shape[1] + 1), np.nan)
        wide[known["row"].to_numpy(), column] = known[name].to_numpy()
        values[name] = _carry_forward(wide)[:, 1:]
    return values


def _carry_forward(values: Array) -> Array:
    known = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    np.maximum.accumulate(known, axis=1, out=known)
    return np.take_along_axis(values, known, axis=1)


def _gains(posts: pl.DataFrame, shape: tuple[int, int], start: int) -> dict[str, Array]:
    rows_of = posts.select("kol_id", "row").unique()
    gained = increments(posts).join(rows_of, on="kol_id").with_columns(hour=pl.col("minute") // 60)
    sight = posts.sort("minute").group_by("row", "post_id", maintain_order=True).first()
    fresh = sight.filter(pl.col("at_us") - pl.col("published_us") <= FIRST_SIGHT_US)  # a new post is known once seen
    first = fresh.select("row", hour=pl.col("minute") // 60)
    values: dict[str, Array] = {"new_posts": _scatter(first.with_columns(pl.lit(1.0).alias("n")), "n", shape, start)}
    for name in GAIN_CHANNELS:
        values[name] = _scatter(gained.filter(pl.col(name).is_not_null()), name, shape, start)
    for name in ("views", "shares"):
        hidden = posts.group_by("row").agg(pl.col(name).is_null().all().alias("hidden")).filter("hidden")
        values[f"d_{name}"][hidden["row"].to_numpy()] = np.nan
    return values


def _scatter(frame: pl.DataFrame, name: str, shape: tuple[int, int], start: int) -> Array:
    inside = frame.filter((pl.col("hour") >= start) & (pl.col("hour") < start + shape[1]))
    flat = inside["row"].to_numpy() * shape[1] + (inside["hour"].to_numpy() - start)
    weights = inside[name].cast(pl.Float64).to_numpy()
    return np.bincount(flat, weights=weights, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)
