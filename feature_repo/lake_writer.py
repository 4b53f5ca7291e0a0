"""The lake's side of the stream: every accepted event as it came, and tiles made by folding whole hours again.

`raw_events` is appended with the next offsets in the same commit. `minutes` and `posts` are rewritten for the hours
that a commit touched, from all raw events of those hours: repeats are found exactly, late events find their hour, and
a crash between the two is made up for at the next start, since each raw commit names the hours that it touched.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from feature_repo.intake import read
from feature_repo.stream import decode_fence, encode_fence
from scoreops.adapters.kafka import ensure_topics
from scoreops.adapters.kafka_log import LogReader
from scoreops.adapters.lake import Lake, in_hours
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.kol.events import TOPICS
from scoreops.kol.tiles import (
    EVENT_SCHEMA,
    HOUR_US,
    MINUTE_US,
    MINUTES_SCHEMA,
    POSTS_SCHEMA,
    Tiles,
    empty,
    fold,
)

RAW: Final = "raw_events"
MINUTES: Final = "minutes"
POSTS: Final = "posts"
SCORES: Final = "scores"
_TIME = pa.timestamp("us", tz="UTC")
SCORES_SCHEMA: Final = pa.schema(
    [
        ("kol_id", pa.string()),
        ("as_of", _TIME),
        ("record", pa.string()),
    ]
)
COMMIT_ROWS: Final = 400_000
COMMIT_S: Final = 15.0
SILENT_S: Final = 2.0
"""A log that says nothing for so long is committed at once."""
_POLL: Final = 50_000


@dataclass
class LakeProgress:
    """What this process has written so far."""

    commits: int = 0
    rows: int = 0
    hours_folded: int = 0


def open_lake(settings: Settings) -> Lake:
    """The lake with its tables."""
    lake = Lake(settings.lake_dir)
    lake.ensure(RAW, EVENT_SCHEMA, "event_time")
    lake.ensure(MINUTES, MINUTES_SCHEMA.append(pa.field("at", _TIME)), "at")
    lake.ensure(POSTS, POSTS_SCHEMA.append(pa.field("at", _TIME)), "at")
    lake.ensure(SCORES, SCORES_SCHEMA, "as_of")
    return lake


def lake_tiles(lake: Lake, start: int, stop: int) -> Tiles:
    """The lake's tiles of the hours in [start, stop)."""
    where = in_hours("at", range(start, stop))
    minutes = _frame(lake.scan(MINUTES, where)).drop("at")
    posts = _frame(lake.scan(POSTS, where)).drop("at")
    blank = empty()
    return Tiles(
        pl.concat([blank.minutes, minutes.select(blank.minutes.columns)]).sort("kol_id", "minute"),
        pl.concat([blank.posts, posts.select(blank.posts.columns)]).sort("kol_id", "post_id", "minute"),
    )


def lake_span(lake: Lake) -> tuple[int, int]:
    """First hour with tiles and the hour after the last; (0, 0) for an empty lake."""
    return lake.span(MINUTES)


def lake_fence(lake: Lake) -> str:
    """Next offsets of what is in the raw table and in both tables of tiles; empty where that is nothing."""
    raw = dict(lake.snapshots(RAW))
    order = list(raw)
    covered = [_newest(lake.snapshots(table), "raw-snapshot") for table in (MINUTES, POSTS)]
    places = [order.index(int(number)) if number and int(number) in raw else -1 for number in covered]
    whole = list(raw.values())[: min(places) + 1]
    return next((p["offsets"] for p in reversed(whole) if "offsets" in p), "")


class LakeWriter:
    """Reads the raw topics into the lake. One at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = open_lake(settings)
        self.progress = LakeProgress()

    def run(self, stop: threading.Event, *, until_idle: bool = False) -> LakeProgress:
        """Work until `stop` is set or, with `until_idle`, until everything that was on the log at the start is in."""
        ensure_topics(self._settings.kafka_bootstrap, TOPICS)
        self.catch_up_tiles()
        raw = self._lake.snapshots(RAW)
        offsets = decode_fence(_newest(raw, "offsets"))
        reader = LogReader(self._settings.kafka_bootstrap, offsets, patient=True)
        try:
            ends, offsets = reader.ends(offsets), reader.held(offsets)
            pending: list[pa.Table] = []
            since = heard = time.monotonic()
            while True:
                records = reader.poll(_POLL, 0.2)
                now = time.monotonic()
                if records:  # as columns at once: hundreds of thousands of objects would keep the collector busy
                    pending.append(read(records).events)
                    heard = now
                done = until_idle and not records and all(offsets[p] >= end for p, end in ends.items())
                for record in records:
                    offsets[record.topic, record.partition] = record.offset + 1
                late = now - since >= COMMIT_S or now - heard >= SILENT_S
                full = sum(map(len, pending)) >= COMMIT_ROWS
                if pending and (full or late or done or stop.is_set()):
                    self._commit(pa.concat_tables(pending), encode_fence(offsets))
                    pending, since = [], time.monotonic()
                if done or stop.is_set():
                    return self.progress
        except NotReady:
            if stop.is_set():
                return self.progress
            raise
        finally:
            reader.close()

    def catch_up_tiles(self) -> None:
        """Fold the hours of raw commits that the tiles do not cover yet."""
        raw = self._lake.snapshots(RAW)
        for table in (MINUTES, POSTS):
            covered = _newest(self._lake.snapshots(table), "raw-snapshot")
            ids = [str(number) for number, _ in raw]
            behind = raw[ids.index(covered) + 1 :] if covered in ids else raw
            hours = sorted({hour for _, p in behind for hour in json.loads(p.get("hours", "[]"))})
            if behind:
                self._refold(hours, [table])

    def _commit(self, events: pa.Table, fence: str) -> None:
        hours = sorted(set((events["event_time"].cast(pa.int64()).to_numpy() // HOUR_US).tolist()))
        self._lake.append(RAW, events, {"offsets": fence, "hours": json.dumps(hours)})
        self._refold(hours, (MINUTES, POSTS))
        self.progress.commits += 1
        self.progress.rows += len(events)
        self.progress.hours_folded += len(hours)

    def refold(self, hours: Iterable[int]) -> int:
        """Fold the raw events of these hours again. Returns how many distinct ones there are."""
        return self._refold(hours, (MINUTES, POSTS))

    def _refold(self, hours: Iterable[int], tables: Sequence[str]) -> int:
        hours = list(hours)
        newest = str(self._lake.snapshots(RAW)[-1][0])
        events = self._lake.scan(RAW, in_hours("event_time", hours))
        tiles = fold(events.select(EVENT_SCHEMA.names))
        for name, frame in ((MINUTES, tiles.minutes), (POSTS, tiles.posts)):
            if name in tables:
                self._lake.replace(name, "at", hours, _stamped(frame), {"raw-snapshot": newest})
        return int(tiles.minutes["n_events"].sum())


def _stamped(frame: pl.DataFrame) -> pa.Table:
    at = (pl.col("minute") * MINUTE_US).cast(pl.Datetime("us", "UTC")).alias("at")
    table = frame.with_columns(at).to_arrow()
    schema = (MINUTES_SCHEMA if "n_events" in frame.columns else POSTS_SCHEMA).append(pa.field("at", _TIME))
    return table.select(schema.names).cast(schema)


def _newest(snapshots: Sequence[tuple[int, dict[str, str]]], name: str) -> str:
    return next((properties[name] for _, properties in reversed(snapshots) if name in properties), "")


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
