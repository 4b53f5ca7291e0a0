"""The plain runner: Kafka -> fold -> online tiles and rolling features, one fenced commit per micro-batch.

Its fence is the vector of next offsets, kept in the store beside what was read up to there. It starts from that fence
and never from a consumer group, so kill -9 at any moment loses nothing and doubles nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from feature_repo.intake import read
from feature_repo.tile_state import Applied, TileState
from scoreops.adapters.kafka import FastProducer, ensure_topics
from scoreops.adapters.kafka_log import Offsets, OrderedReader, start_offsets
from scoreops.adapters.settings import Settings
from scoreops.adapters.state_store import StateStore
from scoreops.core.errors import FenceMoved, NotReady
from scoreops.kol.events import DLQ_TOPIC, RAW_TOPICS, TOPICS

JOB: Final = "kol-stream"
BATCH: Final = 20_000
POLL_S: Final = 0.05
_RETRY_S: Final = 0.5
KEPT_LATENCIES: Final = 200_000

OnBatch = Callable[[Applied], None]


@dataclass
class Progress:
    """What this process has done so far; latencies are milliseconds from message to committed feature."""

    batches: int = 0
    read: int = 0
    folded: int = 0
    repeats: int = 0
    late: int = 0
    dead_lettered: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))

    def add(self, applied: Applied, read_: int, dead: int) -> None:
        """Count one batch of `read_` messages, `dead` of which became dead letters."""
        self.batches += 1
        self.read += read_
        self.folded += applied.folded
        self.repeats += applied.repeats
        self.late += applied.late
        self.dead_lettered += dead

    def summary(self) -> dict[str, float]:
        """Counts, and p50 and p99 of the newest latencies where there are any."""
        kept = ("batches", "read", "folded", "repeats", "late", "dead_lettered")
        made: dict[str, float] = {name: getattr(self, name) for name in kept}
        ordered = sorted(self.latencies_ms)
        if ordered:
            made |= {f"latency_ms_p{q}": round(ordered[(len(ordered) - 1) * q // 100], 1) for q in (50, 99)}
        return made


def encode_fence(offsets: Offsets) -> str:
    """Next offsets as the fence's text."""
    return json.dumps({f"{topic}/{partition}": offset for (topic, partition), offset in sorted(offsets.items())})


def decode_fence(fence: str) -> Offsets:
    """Next offsets of a fence; the beginning of every partition when there is none yet."""
    offsets = start_offsets(RAW_TOPICS)
    for name, offset in json.loads(fence or "{}").items():
        topic, partition = name.rsplit("/", 1)
        offsets[topic, int(partition)] = offset
    return offsets


class PlainRunner:
    """Reads the raw topics until told to stop. One instance owns the job; a second one makes the first stop."""

    def __init__(self, settings: Settings, state: TileState, on_batch: OnBatch | None = None) -> None:
        """`on_batch` is called after each committed batch while the runner keeps up, not while it catches up."""
        self._settings = settings
        self._state = state
        self._on_batch = on_batch
        self._letters = FastProducer(settings.kafka_bootstrap)
        self.progress = Progress()

    def run(self, stop: threading.Event, *, until_idle: bool = False, batch: int = BATCH) -> Progress:
        """Work until `stop` is set or, with `until_idle`, until everything on the log when it started was read.

        An outage of the log or of the store is waited out; a moved fence raises FenceMoved.
        """
        ensure_topics(self._settings.kafka_bootstrap, TOPICS)
        while not stop.is_set():
            try:
                self._state.load()
                self._follow(stop, until_idle=until_idle, batch=batch)
                break
            except NotReady:
                stop.wait(_RETRY_S)
        return self.progress

    def _follow(self, stop: threading.Event, *, until_idle: bool, batch: int) -> None:
        offsets = decode_fence(self._state.fence)
        reader = OrderedReader(self._settings.kafka_bootstrap, offsets)
        try:
            ends, offsets = reader.ends(offsets), reader.held(offsets)
            while not stop.is_set():
                records = reader.poll(batch, POLL_S)
                caught_up = len(records) < batch // 2
                if records:
                    for record in records:
                        offsets[record.topic, record.partition] = record.offset + 1
                    intake = read(records)
                    self._bury(intake.letters)
                    applied = self._state.apply(
                        intake.events, encode_fence(offsets), refresh=caught_up, dead=len(intake.letters)
                    )
                    self.progress.add(applied, len(records), len(intake.letters))
                    if caught_up:
                        now = time.time() * 1000
                        self.progress.latencies_ms += [now - record.timestamp_ms for record in records]
                    if self._on_batch is not None and caught_up:
                        self._on_batch(applied)
                elif until_idle and all(offsets[place] >= end for place, end in ends.items()):
                    return
        finally:
            reader.close()

    def _bury(self, letters: list[tuple[bytes, bytes]]) -> None:
        for key, value in letters:
            self._letters.send(DLQ_TOPIC, key, value)
        if letters:
            self._letters.flush()


def open_state(settings: Settings, job: str = JOB) -> TileState:
    """The state of the plain runner's job with the online store's encoding."""
    from scoreops.adapters.online_store import FeatureWriter

    return TileState(StateStore(settings.redis_url, job), FeatureWriter("kol_id"))


__all__ = ["BATCH", "JOB", "FenceMoved", "PlainRunner", "Progress", "decode_fence", "encode_fence", "open_state"]
