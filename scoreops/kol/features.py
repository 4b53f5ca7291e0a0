"""Rolling features of the last 5, 15 and 60 minutes, as functions of tiles. An undefined ratio is null, never 0."""

from __future__ import annotations

from typing import Final

import polars as pl

from scoreops.kol.hours import distinct, money
from scoreops.kol.tiles import COUNTERS, TEXT_BITS, USER_BITS, Tiles, increments

WINDOWS: Final = (5, 15, 60)
_COUNTS: Final = {
    "comments": "n_comments",
    "visits": "n_views",
    "clicks": "n_clicks",
    "carts": "n_carts",
    "orders": "n_purchases",
    "refunds": "n_refunds",
}
_SHARES: Final = {"negative_share": "n_negative", "positive_share": "n_positive", "spam_share": "n_spam"}
_GAINS: Final = tuple(f"d_{name}" for name in COUNTERS)
_PER_WINDOW: Final = (*_COUNTS, "revenue", *_SHARES, *_GAINS)
_WHOLE: Final = (
    "clicks_lag_60m",
    "revenue_lag_60m",
    "d_views_lag_60m",
    "views_velocity",
    "clicks_burst",
    "distinct_text_share_60m",
    "distinct_user_share_60m",
    "followers",
    "followers_change_60m",
)
ROLLING: Final = (*(f"{name}_{w}m" for w in WINDOWS for name in _PER_WINDOW), *_WHOLE)
"""Names of the rolling features, in their order.

`_5m` is the sum or share over the last five minutes, the newest included; `_lag_60m` is the same over the hour before
the last; velocity is gain per minute; burst is the rate of the last five minutes over that of the last sixty.
"""

HORIZON_MINUTES: Final = 120
"""How far back the rolling features look."""


def rolling(tiles: Tiles, minute: int) -> pl.DataFrame:
    """Features at the end of `minute`, one row for each KOL with a tile in the last two hours: kol_id, minute, ROLLING.

    `tiles.posts` must hold, for each post, also the last look before those two hours, else the gain is that of a first
    sight.
    """
    since = minute - HORIZON_MINUTES
    gained = increments(tiles.posts.filter(pl.col("minute") <= minute)).filter(pl.col("minute") > since)
    gains = gained.group_by("kol_id", "minute").agg(pl.col(name).sum() for name in _GAINS)
    recent = tiles.minutes.filter((pl.col("minute") > since) & (pl.col("minute") <= minute))
    rows = recent.join(gains, on=["kol_id", "minute"], how="left").with_columns(age=minute - pl.col("minute"))
    wide = rows.group_by("kol_id").agg(*(e for w in WINDOWS for e in _window(w)), *_lags(), *_audience())
    return wide.select("kol_id", pl.lit(minute, pl.Int64).alias("minute"), *_derived()).sort("kol_id")


def _window(size: int) -> list[pl.Expr]:
    inside = pl.col("age") < size

    def total(name: str) -> pl.Expr:
        return pl.col(name).filter(inside).sum()

    comments = total("n_comments")
    return [
        *(total(name).alias(f"{alias}_{size}m") for alias, name in _COUNTS.items()),
        money("revenue_vnd", "revenue_usd").filter(inside).sum().alias(f"revenue_{size}m"),
        *(
            pl.when(comments > 0).then(total(name) / comments).alias(f"{alias}_{size}m")
            for alias, name in _SHARES.items()
        ),
        *(total(name).alias(f"{name}_{size}m") for name in _GAINS),
    ]


def _lags() -> list[pl.Expr]:
    before = pl.col("age") >= 60
    return [
        pl.col("n_clicks").filter(before).sum().alias("clicks_lag_60m"),
        money("revenue_vnd", "revenue_usd").filter(before).sum().alias("revenue_lag_60m"),
        pl.col("d_views").filter(before).sum().alias("d_views_lag_60m"),
    ]


def _audience() -> list[pl.Expr]:
    hour = pl.col("age") < 60
    known = pl.col("followers").is_not_null()
    now = pl.col("followers").filter(known).sort_by(pl.col("profile_us").filter(known)).last()
    before = known & ~hour
    then = pl.col("followers").filter(before).sort_by(pl.col("profile_us").filter(before)).last()
    return [
        *(pl.col(name).filter(hour).bitwise_or() for name in (*TEXT_BITS, *USER_BITS)),
        now.alias("followers"),
        pl.when(then > 0).then(now / then - 1).alias("followers_change_60m"),
    ]


def _derived() -> list[pl.Expr]:
    comments = pl.col("comments_60m")
    made = {
        "views_velocity": pl.col("d_views_5m") / 5,
        "clicks_burst": pl.when(pl.col("clicks_60m") > 0).then(pl.col("clicks_5m") * 12 / pl.col("clicks_60m")),
        "distinct_text_share_60m": pl.when(comments > 0).then(distinct(TEXT_BITS) / comments),
        "distinct_user_share_60m": pl.when(comments > 0).then(distinct(USER_BITS) / comments),
    }
    return [made.get(name, pl.col(name)).cast(pl.Float64).alias(name) for name in ROLLING]
