"""The Spark runner: Structured Streaming reads the log, the same fold and the same fenced commit do the rest.

Its fence is the batch id of its checkpoint: a micro-batch that Spark runs again after a crash has the same id and the
same messages, and is skipped when the store has it. Without its checkpoint a job must begin under a new name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from feature_repo.intake import read
from feature_repo.spark_session import session
from feature_repo.stream import OnBatch, Progress
from feature_repo.tile_state import TileState
from scoreops.adapters.kafka import FastProducer, ensure_topics
from scoreops.adapters.kafka_log import Record
from scoreops.adapters.settings import Settings
from scoreops.core.errors import FenceMoved
from scoreops.kol.events import DLQ_TOPIC, RAW_TOPICS, TOPICS

JOB: Final = "kol-spark"
BATCH: Final = 200_000
_POLL_S: Final = 0.5


class SparkRunner:
    """Runs the query; one at a time for a job."""

    def __init__(self, settings: Settings, state: TileState, jars: Path, on_batch: OnBatch | None = None) -> None:
        """`on_batch` is called after each committed batch that is smaller than half of the largest one."""
        self._settings = settings
        self._state = state
        self._jars = jars
        self._on_batch = on_batch
        self._letters = FastProducer(settings.kafka_bootstrap)
        self.progress = Progress()

    def run(self, stop: threading.Event, *, until_idle: bool = False, batch: int = BATCH) -> Progress:
        """Work until `stop` is set or, with `until_idle`, until everything on the log at the start was read."""
        ensure_topics(self._settings.kafka_bootstrap, TOPICS)
        spark = session(self._settings, self._jars)
        source = spark.readStream.format("kafka").options(
            **{
                "kafka.bootstrap.servers": self._settings.kafka_bootstrap,
                "subscribe": ",".join(RAW_TOPICS),
                "startingOffsets": "earliest",
                "maxOffsetsPerTrigger": str(batch),
                "failOnDataLoss": "true",
            }
        )
        chosen = source.load().select("topic", "partition", "offset", "timestamp", "key", "value")
        writer = chosen.writeStream.foreachBatch(self._batch).option("checkpointLocation", str(self._checkpoint))
        writer = writer.trigger(availableNow=True) if until_idle else writer.trigger(processingTime="200 milliseconds")
        query = writer.start()
        while not stop.is_set() and not query.awaitTermination(_POLL_S):
            pass
        query.stop()
        return self.progress

    @property
    def _checkpoint(self) -> Path:
        return self._settings.root / "spark" / "checkpoint"

    def _batch(self, frame: Any, batch_id: int) -> None:
        before = int(self._state.fence or -1)
        if batch_id <= before:
            return
        if batch_id != before + 1:
            raise FenceMoved(
                f"batch {batch_id} comes after {before}: the checkpoint and the store do not belong together"
            )
        records = _records(frame.toArrow())
        intake = read(records)
        for key, value in intake.letters:
            self._letters.send(DLQ_TOPIC, key, value)
        if intake.letters:
            self._letters.flush()
        applied = self._state.apply(intake.events, str(batch_id), dead=len(intake.letters))
        self.progress.add(applied, len(records), len(intake.letters))
        now = time.time() * 1000
        self.progress.latencies_ms += [now - record.timestamp_ms for record in records]
        if self._on_batch is not None and len(records) < BATCH // 2:
            self._on_batch(applied)


def _records(table: pa.Table) -> Sequence[Record]:
    stamps = table["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    columns = [table["topic"], table["partition"], table["offset"], stamps, table["key"], table["value"]]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [Record(*row) for row in rows]
