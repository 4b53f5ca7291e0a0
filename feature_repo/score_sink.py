"""Decisions from their topic into the lake, where they stay: what was decided, on which inputs, by which versions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from feature_repo.lake_writer import SCORES, SCORES_SCHEMA, open_lake
from feature_repo.stream import encode_fence
from scoreops.adapters.kafka import FastProducer, dead_letter
from scoreops.adapters.kafka_log import LogReader, Record, start_offsets
from scoreops.adapters.lake import Lake, both, equal, in_hours
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound
from scoreops.kol.events import DLQ_TOPIC, SCORES_TOPIC

COMMIT_S: Final = 10.0
LOOK_BACK_HOURS: Final = 48
_POLL: Final = 20_000


class ScoreSink:
    """Appends the topic's records with their next offsets in the same commit. One at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = open_lake(settings)
        self._letters = FastProducer(settings.kafka_bootstrap)
        self.rows = self.seen = 0

    def run(self, stop: threading.Event) -> int:
        """Work until `stop` is set. Returns the number of records written."""
        offsets = _offsets(self._lake)
        reader = LogReader(self._settings.kafka_bootstrap, offsets)
        pending: list[Record] = []
        since = time.monotonic()
        try:
            while True:
                ending = stop.is_set()
                for record in reader.poll(_POLL, 0.2):
                    pending.append(record)
                    self.seen += 1
                    offsets[record.topic, record.partition] = record.offset + 1
                if pending and (ending or time.monotonic() - since >= COMMIT_S):
                    self._commit(pending, encode_fence(offsets))
                    pending, since = [], time.monotonic()
                if ending:
                    return self.rows
        finally:
            reader.close()

    def _commit(self, records: list[Record], fence: str) -> None:
        """Bury what is no decision, then append the others: after a crash between the two a letter comes twice."""
        good, letters = _read(records)
        for key, letter in letters:
            self._letters.send(DLQ_TOPIC, key, letter)
        self._letters.flush()
        columns = [list(column) for column in zip(*good, strict=True)] or [[] for _ in SCORES_SCHEMA]
        rows = pa.table([pa.array(c, f.type) for c, f in zip(columns, SCORES_SCHEMA, strict=True)], SCORES_SCHEMA)
        self._lake.append(SCORES, rows, {"offsets": fence})
        self.rows += len(good)


def explained(settings: Settings, kol: str, as_of: datetime) -> dict[str, Any]:
    """The record of `kol` that stood at `as_of`. Raises NotFound when nothing stood, or nothing in two days."""
    hour = int(as_of.timestamp()) // 3600
    where = both(equal("kol_id", kol), in_hours("as_of", range(hour - LOOK_BACK_HOURS, hour + 1)))
    rows = open_lake(settings).scan(SCORES, where)
    standing = [(at, text) for at, text in zip(rows["as_of"].to_pylist(), rows["record"].to_pylist(), strict=True)]
    before = [pair for pair in standing if pair[0] <= as_of]
    if not before:
        raise NotFound(f"nothing had been decided about {kol!r} at {as_of.isoformat()}, or not written down yet")
    record: dict[str, Any] = json.loads(max(before)[1])
    return record


def _offsets(lake: Lake) -> dict[tuple[str, int], int]:
    offsets = start_offsets([SCORES_TOPIC])
    fence = next((p["offsets"] for _, p in reversed(lake.snapshots(SCORES)) if "offsets" in p), "{}")
    for name, offset in json.loads(fence).items():
        topic, partition = name.rsplit("/", 1)
        offsets[topic, int(partition)] = offset
    return offsets


def _read(records: Sequence[Record]) -> tuple[list[tuple[str, datetime, str]], list[tuple[bytes, bytes]]]:
    """Decisions as rows of the lake, and dead letters of what is none."""
    good, letters = [], []
    for record in records:
        try:
            text = record.value.decode()
            said = json.loads(text)
            good.append((str(said["kol_id"]), datetime.fromisoformat(said["as_of"]), text))
        except (ValueError, KeyError, TypeError) as error:
            position = f"{record.partition}/{record.offset}"
            letters.append(dead_letter(record.value, f"is no decision: {error!r}", "", record.topic, position))
    return good, letters
