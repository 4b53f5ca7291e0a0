"""Follows the inference log and the labels into the store, each message once, from wherever the store says it is."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

import structlog

from monitoring.reading import Answer, Label, answers_of, labels_of
from monitoring.store import Store
from scoreops.adapters.kafka import ensure_topics
from scoreops.adapters.kafka_log import LogReader, Offsets, Record, places
from scoreops.core.errors import BadInput, NotReady
from scoreops.kol.events import INFERENCE_TOPIC, LABELS_TOPIC

TOPICS: Final = (INFERENCE_TOPIC, LABELS_TOPIC)
BATCH: Final = 2_000
POLL_S: Final = 0.2
LOOK_S: Final = 2.0
"""How often the broker is asked where its log ends: what it last told would still be there after it died."""
RETRY_S: Final = 1.0
DAY_S: Final = 86_400
_log: Final = structlog.get_logger("monitoring.following")


class Follower:
    """One thread's work. `read_at` is when everything on the log was last known to be in the store."""

    def __init__(
        self, bootstrap: str, store: Store, *, inputs_share: float = 1.0, keep_days: float = 30.0, batch: int = BATCH
    ) -> None:
        """`inputs_share` of the requests, chosen by their ids, have their inputs kept; rows go after `keep_days`."""
        self._bootstrap, self._store, self._batch = bootstrap, store, batch
        self._share, self._keep_s = inputs_share, keep_days * DAY_S
        self._asked = self._swept = 0.0
        self._goal: tuple[datetime, Offsets] | None = None
        self.read_at: datetime | None = None

    def run(self, stop: threading.Event, *, until_idle: bool = False) -> None:
        """Work until `stop` is set or, with `until_idle`, until the end of the log. An absent broker is waited for."""
        while not stop.is_set():
            try:
                ensure_topics(self._bootstrap, TOPICS)
                self._follow(stop, until_idle=until_idle)
            except NotReady as error:
                _log.warning("the log is out of reach", reason=str(error))
                stop.wait(RETRY_S)
            else:
                return

    def _follow(self, stop: threading.Event, *, until_idle: bool) -> None:
        stored = self._store.offsets()
        offsets = dict.fromkeys(places(self._bootstrap, TOPICS), 0) | stored
        reader, self._goal = LogReader(self._bootstrap, offsets), None
        try:
            offsets = reader.held(offsets)
            while not stop.is_set():
                records = reader.poll(self._batch, POLL_S)
                if records:
                    stored = self._write(stored, records)
                    offsets |= stored
                if self._reached(reader, offsets, at_once=until_idle) and until_idle and not records:
                    return
                self._sweep()
        finally:
            reader.close()

    def _reached(self, reader: LogReader, offsets: Offsets, *, at_once: bool) -> bool:
        """Whether the store has all that was on the log when its end was last asked for; more comes all the while."""
        now = time.monotonic()
        if self._goal is None and (at_once or now - self._asked >= LOOK_S):
            self._asked, self._goal = now, (datetime.now(UTC), reader.ends(offsets))
        if self._goal is None:
            return False
        asked_at, ends = self._goal
        if any(offsets[place] < end for place, end in ends.items()):
            return False
        self.read_at, self._goal = asked_at, None
        return True

    def _write(self, stored: Offsets, records: Sequence[Record]) -> Offsets:
        answers, labels, counts = self._read(records)
        moved = stored | {(one.topic, one.partition): one.offset + 1 for one in records}
        self._store.commit(stored, moved, answers, labels, counts)
        return moved

    def _read(self, records: Sequence[Record]) -> tuple[list[Answer], list[Label], Counter[str]]:
        answers: list[Answer] = []
        labels: list[Label] = []
        counts: Counter[str] = Counter()
        for record, text in _texts(records):
            try:
                if record.topic == INFERENCE_TOPIC:
                    answers += map(self._thinned, answers_of(text))
                else:
                    labels.append(labels_of(text))
            except BadInput as error:
                counts["refused"] += 1
                _log.warning("left out", topic=record.topic, offset=record.offset, reason=str(error))
        counts["answers"], counts["labels"] = len(answers), len(labels)
        return answers, labels, counts

    def _thinned(self, answer: Answer) -> Answer:
        """Without its inputs, unless its request is one of those whose inputs are kept: the same after any restart."""
        return answer if crc32(answer.request.encode()) < self._share * 2**32 else answer._replace(features=None)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept > DAY_S / 24:
            self._swept = now
            self._store.forget(round((time.time() - self._keep_s) * 1e6))


def _texts(records: Iterable[Record]) -> Iterator[tuple[Record, bytes]]:
    """A message of the inference log holds lines, a label is one whatever its line breaks."""
    for record in records:
        texts = record.value.split(b"\n") if record.topic == INFERENCE_TOPIC else [record.value]
        yield from ((record, text) for text in texts)
