"""One-minute tiles: what events fold into, and everything that features are made of.

A tile is an associative, commutative, exact aggregate (integer sums, last values by event time, bit sets), so neither
order nor grouping of events can change it. The grain of `minutes` is (kol_id, minute), of `posts` (kol_id, post_id,
minute). Minutes count from the epoch, in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import polars as pl
import pyarrow as pa

from scoreops.kol.events import AnyEvent
from scoreops.kol.lexicon import flags

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000

_TIME = pa.timestamp("us", tz="UTC")
EVENT_SCHEMA: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("type", pa.string()),
        ("kol_id", pa.string()),
        ("platform", pa.string()),
        ("event_time", _TIME),
        ("campaign_id", pa.string()),
        ("user_id", pa.string()),
        ("session_id", pa.string()),
        ("post_id", pa.string()),
        ("comment_id", pa.string()),
        ("published_at", _TIME),
        ("views", pa.int64()),
        ("likes", pa.int64()),
        ("comments", pa.int64()),
        ("shares", pa.int64()),
        ("followers", pa.int64()),
        ("following", pa.int64()),
        ("posts", pa.int64()),
        ("text", pa.string()),
        ("order_id", pa.string()),
        ("amount_minor", pa.int64()),
        ("currency", pa.string()),
    ]
)

SUMS: Final = (
    "n_events",
    "n_comments",
    "n_negative",
    "n_positive",
    "n_spam",
    "n_views",
    "n_clicks",
    "n_carts",
    "n_purchases",
    "n_refunds",
    "revenue_vnd",
    "revenue_usd",
    "refunded_vnd",
    "refunded_usd",
)
WORDS: Final = 4
TEXT_BITS: Final = tuple(f"text_{i}" for i in range(WORDS))
USER_BITS: Final = tuple(f"user_{i}" for i in range(WORDS))
PROFILE: Final = ("profile_us", "followers", "following", "n_posts")
COUNTERS: Final = ("views", "likes", "comments", "shares")
POST: Final = ("at_us", "published_us", *COUNTERS)

MINUTES_SCHEMA: Final = pa.schema(
    [("kol_id", pa.string()), ("minute", pa.int64()), ("platform", pa.string())]
    + [(name, pa.int64()) for name in (*SUMS, *TEXT_BITS, *USER_BITS, *PROFILE)]
)
POSTS_SCHEMA: Final = pa.schema(
    [("kol_id", pa.string()), ("post_id", pa.string()), ("minute", pa.int64())] + [(name, pa.int64()) for name in POST]
)


class Tiles(NamedTuple):
    """Both grains, each sorted by its key."""

    minutes: pl.DataFrame
    posts: pl.DataFrame


def empty() -> Tiles:
    """No tiles."""
    return Tiles(_frame(MINUTES_SCHEMA.empty_table()), _frame(POSTS_SCHEMA.empty_table()))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def to_table(events: Sequence[AnyEvent]) -> pa.Table:
    """Events as columns, grouped by type; a field that a type does not have is null."""
    groups: dict[type[AnyEvent], list[dict[str, Any]]] = {}
    for event in events:
        groups.setdefault(type(event), []).append(event.__dict__)
    parts = [EVENT_SCHEMA.empty_table()]
    for kind, rows in groups.items():
        fields = [EVENT_SCHEMA.field(name) for name in kind.model_fields]
        values = zip(*map(itemgetter(*kind.model_fields), rows), strict=True)
        columns = [_column(column, field.type) for column, field in zip(values, fields, strict=True)]
        parts.append(pa.Table.from_arrays(columns, schema=pa.schema(fields)))
    return pa.concat_tables(parts, promote_options="default")


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == _TIME:  # the contract has made them UTC; converting aware values costs ten times as much
        return pa.array([value.replace(tzinfo=None) for value in values], pa.timestamp("us")).cast(_TIME)
    return pa.array(values, kind)


def fold(events: pa.Table) -> Tiles:
    """Tiles of the distinct events of an EVENT_SCHEMA table. Repeats share `event_id` and minute and count once."""
    frame = _frame(events).with_columns(minute=pl.col("event_time").dt.epoch("us") // MINUTE_US)
    frame = frame.unique(subset=["event_id", "minute"], keep="first", maintain_order=True)
    return Tiles(_fold_minutes(frame), _fold_posts(frame))


def merge(*parts: Tiles) -> Tiles:
    """Tiles of all parts together. The parts must not share an event (posts and profiles may repeat freely)."""
    minutes = pl.concat([part.minutes for part in parts])
    posts = pl.concat([part.posts for part in parts])
    return Tiles(_reduce_minutes(minutes), _reduce_posts(posts))


def _fold_minutes(frame: pl.DataFrame) -> pl.DataFrame:
    kind, money, currency = pl.col("type"), pl.col("amount_minor"), pl.col("currency")

    def count(condition: pl.Expr) -> pl.Expr:
        return condition.fill_null(value=False).cast(pl.Int64)

    def amount(event_type: str, unit: str) -> pl.Expr:
        return pl.when((kind == event_type) & (currency == unit)).then(money).otherwise(0)

    profile = kind == "profile"
    comment = kind == "comment"
    rows = _with_flags(frame).select(
        "kol_id",
        "minute",
        "platform",
        pl.lit(1, pl.Int64).alias("n_events"),
        count(comment).alias("n_comments"),
        *(pl.col(name) for name in ("n_negative", "n_positive", "n_spam")),
        count(kind == "view").alias("n_views"),
        count(kind == "click").alias("n_clicks"),
        count(kind == "add_to_cart").alias("n_carts"),
        count(kind == "purchase").alias("n_purchases"),
        count(kind == "refund").alias("n_refunds"),
        amount("purchase", "VND").alias("revenue_vnd"),
        amount("purchase", "USD").alias("revenue_usd"),
        amount("refund", "VND").alias("refunded_vnd"),
        amount("refund", "USD").alias("refunded_usd"),
        *_bits(pl.col("text_bucket"), TEXT_BITS),
        *_bits(pl.when(comment).then(pl.col("user_id").str.slice(0, 2).str.to_integer(base=16)), USER_BITS),
        pl.when(profile).then(pl.col("event_time").dt.epoch("us")).alias("profile_us"),
        pl.when(profile).then(pl.col("followers")).alias("followers"),
        pl.when(profile).then(pl.col("following")).alias("following"),
        pl.when(profile).then(pl.col("posts")).alias("n_posts"),
    )
    return _reduce_minutes(rows)


def _with_flags(frame: pl.DataFrame) -> pl.DataFrame:
    texts = frame.get_column("text").drop_nulls().unique(maintain_order=True)
    marks = [flags(text) for text in texts]
    known = pl.DataFrame(
        {
            "text": texts,
            "n_negative": pl.Series([m.negative for m in marks], dtype=pl.Int64),
            "n_positive": pl.Series([m.positive for m in marks], dtype=pl.Int64),
            "n_spam": pl.Series([m.spam for m in marks], dtype=pl.Int64),
            "text_bucket": pl.Series([m.bucket for m in marks], dtype=pl.Int64),
        }
    )
    joined = frame.join(known, on="text", how="left", maintain_order="left")
    return joined.with_columns(pl.col("n_negative", "n_positive", "n_spam").fill_null(0))


def _bits(bucket: pl.Expr, names: Sequence[str]) -> list[pl.Expr]:
    powers = pl.lit(pl.Series([1 << i if i < 63 else -(1 << 63) for i in range(64)], dtype=pl.Int64))
    bucket = bucket.cast(pl.Int64)
    bit = powers.gather((bucket % 64).fill_null(0))
    return [
        pl.when(bucket // 64 == word).then(bit).otherwise(pl.lit(0, pl.Int64)).alias(name)
        for word, name in enumerate(names)
    ]


def _reduce_minutes(rows: pl.DataFrame) -> pl.DataFrame:
    # Sorted by everything that decides which profile is last: the outcome cannot depend on the order that came in.
    rows = rows.sort("kol_id", "minute", *PROFILE, "platform", nulls_last=False)
    return rows.group_by("kol_id", "minute", maintain_order=True).agg(
        pl.col("platform").max(),
        *(pl.col(name).sum() for name in SUMS),
        *(pl.col(name).bitwise_or() for name in (*TEXT_BITS, *USER_BITS)),
        *(pl.col(name).last() for name in PROFILE),
    )


def _fold_posts(frame: pl.DataFrame) -> pl.DataFrame:
    rows = frame.filter(pl.col("type") == "post_metrics").select(
        "kol_id",
        "post_id",
        "minute",
        pl.col("event_time").dt.epoch("us").alias("at_us"),
        pl.col("published_at").dt.epoch("us").alias("published_us"),
        *COUNTERS,
    )
    return _reduce_posts(rows)


def _reduce_posts(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.sort("kol_id", "post_id", "minute", *POST, nulls_last=False)
    return rows.group_by("kol_id", "post_id", "minute", maintain_order=True).agg(pl.col(name).last() for name in POST)


FIRST_SIGHT_US: Final = 2 * HOUR_US
"""A post first seen within this time of its publication counts from zero; an older one adds nothing at first sight."""


def increments(posts: pl.DataFrame) -> pl.DataFrame:
    """What each post gained since it was last looked at: (kol_id, minute, d_views, d_likes, d_comments, d_shares).

    Grain (kol_id, post_id, minute), like `posts`, which must hold each post's history from its first sight on.
    A gain is negative when the platform took counts back; that of views is null where views are not shown.
    """
    key = ["kol_id", "post_id"]
    fresh = pl.col("at_us") - pl.col("published_us") <= FIRST_SIGHT_US
    ordered = posts.sort(*key, "minute")

    def gain(name: str) -> pl.Expr:
        first = pl.when(fresh).then(pl.col(name)).otherwise(pl.col(name) * 0)
        is_first = pl.int_range(pl.len()).over(key) == 0
        return (
            pl.when(is_first).then(first).otherwise(pl.col(name) - pl.col(name).shift(1).over(key)).alias(f"d_{name}")
        )

    return ordered.select("kol_id", "post_id", "minute", *(gain(name) for name in COUNTERS))
