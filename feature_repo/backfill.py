"""The backfill: tiles and alerts of a stretch of history again, from the raw events of the lake, by the same rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from feature_repo.lake_writer import LakeWriter, lake_tiles, open_lake
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.settings import Settings
from scoreops.kol.anomaly import LOOK_BACK, Alert, alerts
from scoreops.kol.hours import hour_cube

CHUNK_HOURS: Final = 72


class Backfilled(NamedTuple):
    """Hours whose tiles were folded again, events in them, and alerts that nobody had seen."""

    hours: int
    events: int
    alerts: int


def backfill(
    settings: Settings, start: int, stop: int, *, tiles: bool = True, progress: Callable[[int], None] = lambda _: None
) -> Backfilled:
    """Fold the raw events of the hours [start, stop) again, and judge those hours.

    Tiles are a function of the raw events, so this changes nothing unless the fold has changed. Stop `stream --sink
    lake` first: one writer at a time. With `tiles` false only alerts are made.
    """
    events = 0
    if tiles:
        writer = LakeWriter(settings)
        for first in range(start, stop, CHUNK_HOURS):
            events += writer.refold(range(first, min(first + CHUNK_HOURS, stop)))
            progress(first - start)
    found = judged(settings, start, stop)
    opened = AlertBook(settings.redis_url).add(alert.as_dict() for alert in found)
    return Backfilled(stop - start, events, len(opened))


def judged(settings: Settings, start: int, stop: int) -> list[Alert]:
    """Alerts that begin in [start, stop)."""
    made = lake_tiles(open_lake(settings), start - LOOK_BACK - 48, stop)
    return alerts(hour_cube(made, start - LOOK_BACK, stop), start, stop) if len(made.minutes) else []
