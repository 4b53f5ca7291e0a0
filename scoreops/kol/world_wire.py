"""Events of the generated world as they arrive: JSON lines, some late, some twice, some out of order, some broken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import numpy as np
import polars as pl

from scoreops.kol.events import IDENTITY
from scoreops.kol.world_cast import Ints
from scoreops.kol.world_malformed import malformed

REPEATED: Final = 0.015
LATE: Final = 0.012
MALFORMED_SHARE: Final = 0.0015
LATEST_US: Final = 6 * 3_600_000_000
"""No event arrives later than this after it happened."""
_LATE_FROM_US: Final = 120_000_000
"""Arriving later than this counts as late."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
_ARRIVAL_SCHEMA: Final = {"arrival": pl.Int64, "line": pl.String, "kind": pl.Int8}
_GOOD, _REPEAT, _BROKEN = 0, 1, 2


@dataclass
class Tally:
    """What has been put on the wire. `produced` counts lines, so also repeats and malformed ones."""

    produced: int = 0
    malformed: int = 0
    repeats: int = 0
    late: int = 0
    by_type: Counter[str] = field(default_factory=Counter)


def events(kind: str, times: dict[str, Ints], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Complete events of one type: `at` in microseconds, and `line`, their JSON with the event id.

    `times` are in microseconds of UTC. A column that is no field of the type is an error of the caller.
    """
    frame = pl.DataFrame({"type": pl.repeat(kind, len(times["event_time"]), eager=True), **columns, **times})
    names = ("type", "platform", "kol_id", *IDENTITY[kind])
    identity = frame.select(pl.concat_str([pl.col(name).cast(pl.String) for name in names], separator="\x1f"))
    ids = [sha256(text.encode()).hexdigest()[:32] for text in identity.to_series().to_list()]
    shown = [pl.from_epoch(name, time_unit="us").dt.to_string(_TIME) for name in times]
    full = frame.with_columns(*shown, pl.Series("event_id", ids, pl.String))
    line = full.select(pl.struct("event_id", pl.all().exclude("event_id")).struct.json_encode()).to_series()
    return pl.DataFrame({"at": times["event_time"], "line": line})


def arrivals(
    groups: Iterable[tuple[int, dict[str, pl.DataFrame]]], rng: np.random.Generator, tally: Tally
) -> Iterator[list[bytes]]:
    """Lines in the order in which they arrive, a list for each group of (end in microseconds, events by type).

    An event may arrive after the end of its group; it is kept back until then. `tally` is filled on the way.
    """
    waiting = pl.DataFrame(schema=_ARRIVAL_SCHEMA)
    for end, by_type in groups:
        for kind, frame in by_type.items():
            tally.by_type[kind] += len(frame)
        happened = pl.concat(by_type.values())
        waiting = pl.concat([waiting, *_send(happened, rng, tally)]).sort("arrival", maintain_order=True)
        due = waiting["arrival"] < end
        yield _lines(waiting.filter(due), rng)
        waiting = waiting.filter(~due)
    yield _lines(waiting, rng)


def _send(happened: pl.DataFrame, rng: np.random.Generator, tally: Tally) -> Iterator[pl.DataFrame]:
    n = len(happened)
    at = happened["at"].to_numpy()
    delay = rng.exponential(1_500_000, n).astype(np.int64)
    late = rng.random(n) < LATE
    delay[late] = np.exp(rng.uniform(np.log(_LATE_FROM_US), np.log(LATEST_US), int(late.sum()))).astype(np.int64)
    yield _arriving(at + delay, happened["line"], _GOOD)
    again = np.flatnonzero(rng.random(n) < REPEATED)
    gap = np.exp(rng.uniform(np.log(1e5), np.log(LATEST_US), len(again))).astype(np.int64)
    second = np.minimum(at[again] + delay[again] + gap, at[again] + LATEST_US)
    yield _arriving(second, happened["line"].gather(again), _REPEAT)
    bad = np.flatnonzero(rng.random(n) < MALFORMED_SHARE)
    yield _arriving(at[bad] + delay[bad], happened["line"].gather(bad), _BROKEN)
    tally.produced += n + len(again) + len(bad)
    tally.repeats += len(again)
    tally.malformed += len(bad)
    tally.late += int(late.sum())


def _arriving(arrival: Ints, line: pl.Series, kind: int) -> pl.DataFrame:
    return pl.DataFrame({"arrival": arrival, "line": line, "kind": kind}, schema=_ARRIVAL_SCHEMA)


def _lines(frame: pl.DataFrame, rng: np.random.Generator) -> list[bytes]:
    """A broken line is a good one spoilt; every second repeat leaves the event id to be derived again."""
    lines = [line.encode() for line in frame["line"].to_list()]
    kinds = frame["kind"].to_numpy()
    for i in np.flatnonzero(kinds == _BROKEN):
        lines[i] = malformed(json.loads(lines[i]), rng)
    for i in np.flatnonzero(kinds == _REPEAT)[::2]:
        fields = json.loads(lines[i])
        del fields["event_id"]
        lines[i] = json.dumps(fields, ensure_ascii=False).encode()
    return lines
