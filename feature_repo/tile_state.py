"""The online tiles of a streaming job: what one micro-batch adds, and how it is written behind the fence.

Both runners use this one class, so a batch of events has the same effect whoever read it. What is kept depends on event
time alone: tiles and seen ids of the last ONLINE_HOURS before the newest event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl
import pyarrow as pa

from scoreops.adapters.state_store import Batch, StateStore
from scoreops.kol import tile_codec
from scoreops.kol.features import HORIZON_MINUTES, rolling
from scoreops.kol.tiles import HOUR_US, MINUTE_US, Tiles, empty, fold, merge

ONLINE_HOURS: Final = 48
_HOUR_MINUTES: Final = 60


class RowEncoder(Protocol):
    """Turns feature rows into the online store's own keys and fields."""

    def rows(self, view: str, table: pa.Table) -> Sequence[tuple[bytes, Mapping[bytes, bytes]]]:
        """`table` has kol_id, event_timestamp and the features of `view`."""
        ...


@dataclass(frozen=True)
class Applied:
    """What became of one micro-batch."""

    folded: int
    repeats: int
    late: int
    kols: tuple[str, ...]
    watermark_us: int


class TileState:
    """Holds what the rolling features need in memory; everything else stays in the store."""

    def __init__(self, store: StateStore, encoder: RowEncoder | None) -> None:
        self._store = store
        self._encoder = encoder
        self.load()

    def load(self) -> None:
        """Read fence, watermark and the recent tiles from the store, as after a crash or a moved fence."""
        self.fence = self._store.fence()
        self.watermark_us = int(self._store.value("watermark") or 0)
        self.recent = empty()
        if self.watermark_us:
            hour = self.watermark_us // HOUR_US
            self.recent = self._prune(self.tiles(hour - ONLINE_HOURS, hour + 1))

    def tiles(self, start: int, stop: int) -> Tiles:
        """The online tiles of the hours in [start, stop)."""
        return read_tiles(self._store, start, stop)

    def apply(self, events: pa.Table, fence: str, *, refresh: bool = True, dead: int = 0) -> Applied:
        """Fold a batch and commit it with the fence that stands after it.

        With `refresh` the rolling features of every KOL with recent activity are written in the same commit; without,
        they are left for a later batch, which is what a runner does while it catches up.
        """
        batch = Batch()
        frame = _keyed(events)
        watermark = max(self.watermark_us, int(frame["us"].to_numpy().max(initial=0)))
        inside = frame.filter(pl.col("hour") >= self._horizon(self.watermark_us))
        distinct = inside.unique(subset=["event_id", "minute"], keep="first", maintain_order=True)
        fresh = self._unseen(distinct, batch)
        kept = fresh.filter(pl.col("hour") >= self._horizon(watermark))  # the rest is forgotten by this very commit
        rows = events.take(pa.array(kept["row"].to_numpy()))
        merged = self._merged(fold(rows), batch)
        counts = {"folded": len(fresh), "repeats": len(inside) - len(fresh), "late": len(frame) - len(inside)}
        batch.counts = counts | {"dead_lettered": dead}
        batch.values["watermark"] = str(watermark).encode()
        self._drop(watermark, batch)
        recent = self._prune(_replace(self.recent, merged), watermark)
        if refresh and self._encoder is not None and len(recent.minutes):
            batch.foreign = self._encoder.rows("kol_rolling", online_rows(recent, watermark // MINUTE_US))
        self._store.commit(self.fence, fence, batch)
        self.fence, self.watermark_us, self.recent = fence, watermark, recent
        kols = tuple(merged.minutes.get_column("kol_id").unique().sort())
        return Applied(counts["folded"], counts["repeats"], counts["late"], kols, watermark)

    @staticmethod
    def _horizon(watermark_us: int) -> int:
        """The first hour that is kept; an event before it is late."""
        return watermark_us // HOUR_US - ONLINE_HOURS if watermark_us else 0

    def _unseen(self, frame: pl.DataFrame, batch: Batch) -> pl.DataFrame:
        names: list[tuple[str, list[bytes], pl.DataFrame]] = []
        for (hour,), part in frame.partition_by("hour", as_dict=True, maintain_order=True).items():
            ids = [bytes.fromhex(i) + m.to_bytes(1, "big") for i, m in part.select("event_id", "slot").iter_rows()]
            names.append((f"seen:{hour}", ids, part))
        known = self._store.members({name: ids for name, ids, _ in names})
        parts = [frame.clear()]
        for name, ids, part in names:
            flags = known[name]
            batch.sets[name] = [item for item, seen in zip(ids, flags, strict=True) if not seen]
            parts.append(part.filter(~pl.Series(flags, dtype=pl.Boolean)))
        return pl.concat(parts)

    def _merged(self, partial: Tiles, batch: Batch) -> Tiles:
        minutes, posts = tile_codec.fields(partial)
        wanted = {f"minutes:{h}": f for h, f in minutes.items()} | {f"posts:{h}": f for h, f in posts.items()}
        found = self._store.fields(wanted)
        pairs: dict[str, list[tuple[bytes, bytes]]] = {"minutes": [], "posts": []}
        for name, values in found.items():
            known = zip(wanted[name], values, strict=True)
            pairs[name.split(":")[0]] += [(f, v) for f, v in known if v is not None]
        merged = merge(partial, tile_codec.decode(pairs["minutes"], pairs["posts"]))
        for kind, made in zip(("minutes", "posts"), tile_codec.encode(merged), strict=True):
            batch.hashes |= {f"{kind}:{hour}": values for hour, values in made.items()}
        return merged

    def _drop(self, watermark: int, batch: Batch) -> None:
        new, old = self._horizon(watermark), self._horizon(self.watermark_us)
        gone = range(old or new, min(new, old + ONLINE_HOURS + 2))  # hours after the old watermark's hold nothing yet
        batch.drops = [f"{kind}:{hour}" for hour in gone for kind in ("minutes", "posts", "seen")]
        batch.sets = {name: ids for name, ids in batch.sets.items() if int(name.split(":")[1]) >= new}

    def _prune(self, tiles: Tiles, watermark_us: int | None = None) -> Tiles:
        """What the rolling features look at: two hours of tiles, and the last look at each post before them."""
        watermark = self.watermark_us if watermark_us is None else watermark_us
        since = watermark // MINUTE_US - HORIZON_MINUTES
        horizon = (watermark // HOUR_US - ONLINE_HOURS) * _HOUR_MINUTES
        kept = tiles.posts.filter(pl.col("minute") >= horizon)
        older = kept.filter(pl.col("minute") <= since).group_by("kol_id", "post_id", maintain_order=True).last()
        posts = pl.concat([older.select(kept.columns), kept.filter(pl.col("minute") > since)])
        return Tiles(tiles.minutes.filter(pl.col("minute") > since), posts.sort("kol_id", "post_id", "minute"))


def read_tiles(store: StateStore, start: int, stop: int) -> Tiles:
    """The online tiles of the hours in [start, stop), for any reader."""
    hours = range(start, stop)
    found = store.hashes([f"{kind}:{hour}" for kind in ("minutes", "posts") for hour in hours])
    minutes, posts = found[: len(hours)], found[len(hours) :]
    return tile_codec.decode(
        [pair for part in minutes for pair in part.items()], [pair for part in posts for pair in part.items()]
    )


def online_rows(recent: Tiles, minute: int) -> pa.Table:
    """Rolling features as they are written online: stamped with the end of their minute."""
    stamp = pl.lit((minute + 1) * MINUTE_US, pl.Int64).cast(pl.Datetime("us", "UTC"))
    return rolling(recent, minute).drop("minute").with_columns(event_timestamp=stamp).to_arrow()


def _keyed(events: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(events.select(["event_id", "event_time"]))
    assert isinstance(frame, pl.DataFrame)
    us = pl.col("event_time").dt.epoch("us")
    return frame.with_row_index("row").select(
        "row",
        "event_id",
        us.alias("us"),
        (us // MINUTE_US).alias("minute"),
        (us // HOUR_US).alias("hour"),
        ((us // MINUTE_US) % _HOUR_MINUTES).alias("slot"),
    )


def _replace(old: Tiles, new: Tiles) -> Tiles:
    """`old` with the tiles of `new` in place of those with the same key."""
    minutes = old.minutes.join(new.minutes, on=["kol_id", "minute"], how="anti")
    posts = old.posts.join(new.posts, on=["kol_id", "post_id", "minute"], how="anti")
    return Tiles(
        pl.concat([minutes, new.minutes]).sort("kol_id", "minute"),
        pl.concat([posts, new.posts]).sort("kol_id", "post_id", "minute"),
    )
