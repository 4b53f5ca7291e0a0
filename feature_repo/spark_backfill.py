"""The backfill by Spark: the raw files of the lake, hour by hour, through the same fold in Spark's workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from feature_repo.lake_writer import RAW, open_lake
from feature_repo.spark_session import session
from scoreops.adapters.lake import in_hours
from scoreops.adapters.settings import Settings
from scoreops.kol.tiles import EVENT_SCHEMA, MINUTES_SCHEMA, POSTS_SCHEMA, Tiles, fold


def spark_tiles(settings: Settings, jars: Path, start: int, stop: int) -> Tiles:
    """Tiles of the hours [start, stop), folded by Spark from the raw events; nothing is written."""
    from pyspark.sql import functions

    hours = range(start, stop)
    files = open_lake(settings).files(RAW, in_hours("event_time", hours))
    spark = session(settings, jars)
    seconds = functions.unix_timestamp("event_time")
    events = spark.read.parquet(*files).select(*EVENT_SCHEMA.names, functions.floor(seconds / 3600).alias("hour"))
    by_hour = events.where((functions.col("hour") >= start) & (functions.col("hour") < stop)).groupBy("hour")
    minutes = by_hour.applyInArrow(_fold_minutes, _ddl(MINUTES_SCHEMA)).toArrow()
    posts = by_hour.applyInArrow(_fold_posts, _ddl(POSTS_SCHEMA)).toArrow()
    return Tiles(
        _frame(minutes, MINUTES_SCHEMA).sort("kol_id", "minute"),
        _frame(posts, POSTS_SCHEMA).sort("kol_id", "post_id", "minute"),
    )


def _fold_minutes(events: pa.Table) -> pa.Table:
    return fold(_events(events)).minutes.to_arrow().select(MINUTES_SCHEMA.names).cast(MINUTES_SCHEMA)


def _fold_posts(events: pa.Table) -> pa.Table:
    return fold(_events(events)).posts.to_arrow().select(POSTS_SCHEMA.names).cast(POSTS_SCHEMA)


def _events(table: pa.Table) -> pa.Table:
    return table.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)


def _ddl(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {'string' if pa.types.is_string(field.type) else 'long'}" for field in schema)


def _frame(table: pa.Table, schema: pa.Schema) -> pl.DataFrame:
    made: Any = pl.from_arrow(table.select(schema.names).cast(schema))
    assert isinstance(made, pl.DataFrame)
    return made
