"""Rolling features on the log: one message for each KOL and minute of event time, for who wants them as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from feature_repo.tile_state import Applied, TileState, online_rows
from scoreops.adapters.kafka import FastProducer
from scoreops.kol.events import FEATURES_TOPIC
from scoreops.kol.tiles import MINUTE_US


class FeatureStream:
    """Publishes a minute when event time has left it behind; call it with each micro-batch.

    The values are those of the online store at that moment. After a crash the newest minute may come twice, with the
    same key and `as_of`; while the reader catches up, the minutes between are left out.
    """

    def __init__(self, state: TileState, producer: FastProducer) -> None:
        self._state = state
        self._producer = producer
        self._minute = 0
        self.published = 0

    def __call__(self, applied: Applied) -> None:
        """Publish the minute before the one that event time has just entered."""
        minute = applied.watermark_us // MINUTE_US
        if minute == self._minute:
            return
        self._minute = minute
        for kol, message in messages(online_rows(self._state.recent, minute - 1).to_pylist()):
            self._producer.send(FEATURES_TOPIC, kol, message)
            self.published += 1
        self._producer.flush()


def messages(rows: list[dict[str, Any]]) -> Iterator[tuple[bytes, bytes]]:
    """Key and JSON of each row: kol_id, as_of (the end of the minute, UTC) and the features; null is unknown."""
    for row in rows:
        kol, at = row.pop("kol_id"), row.pop("event_timestamp")
        yield kol.encode(), json.dumps({"kol_id": kol, "as_of": at.isoformat(), "features": _plain(row)}).encode()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124 - NaN
