"""Files into the log: every line is validated once, sent to its topic or buried with the reason."""

from __future__ import annotations

import gzip
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from ingestion.importers import IMPORTERS
from scoreops.adapters.kafka import FastProducer, dead_letter, ensure_topics, original_of
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput, NotFound, Unsupported
from scoreops.kol.events import DLQ_TOPIC, LABELS_TOPIC, TOPIC_OF, TOPICS, encode, parse
from scoreops.kol.labels import parse_label

FORMATS: Final = ("events", "labels", *IMPORTERS)
_AHEAD_S: Final = 0.05
_PROGRESS: Final = 5_000
_NULLABLE: Final = {"post_metrics": ("views", "shares")}
"""Fields that are null where a platform does not show them; every other null of a table is a field of another type."""
_EVENT_TIME: Final = re.compile(rb'"event_time"\s*:\s*"([^"]{10,40})"')


class Line(NamedTuple):
    """One line with the place that a dead letter names."""

    raw: bytes
    source: str
    position: str


@dataclass
class Counts:
    """What became of the lines: produced = accepted + dead_lettered."""

    produced: int = 0
    accepted: int = 0
    dead_lettered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def lines(path: Path, form: str = "events") -> Iterator[Line]:
    """Lines of a JSONL (also .gz) or Parquet file, or of an export in one of IMPORTERS' shapes."""
    if form not in FORMATS:
        raise Unsupported(f"{form!r} is not one of the formats {', '.join(FORMATS)}")
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    if form in IMPORTERS:
        raws: Iterable[bytes] = (orjson.dumps(fields) for fields in IMPORTERS[form](path))
    elif path.suffix == ".parquet":
        raws = _parquet(path)
    else:
        raws = _text(path)
    return (Line(raw, path.name, str(number)) for number, raw in enumerate(raws, start=1))


def _text(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for raw in file:
            line = raw.rstrip(b"\r\n")
            if line:
                yield line


def _parquet(path: Path) -> Iterator[bytes]:
    """Rows as JSON; a column without a value is left out, unless null says something there. Times are UTC."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(10_000):
            for row in batch.to_pylist():
                told = _NULLABLE.get(str(row.get("type")), ())
                kept = {k: v for k, v in row.items() if v is not None or k in told}
                yield orjson.dumps(kept, option=orjson.OPT_NAIVE_UTC)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} is no Parquet file: {error}") from error


def between(all_lines: Iterable[Line], since: datetime | None, until: datetime | None) -> Iterator[Line]:
    """The lines from the first one that happened at `since` or later, up to the first one at `until` or later.

    Lines come in order of arrival, so an event that arrived late belongs to where it arrived.
    """
    begun = since is None
    for line in all_lines:
        if (since and not begun) or until:
            at = _time_of(line.raw)
            begun = begun or (at is not None and since is not None and at >= since)
            if until and at is not None and at >= until:
                return
        if begun:
            yield line


def letters(settings: Settings) -> Iterator[Line]:
    """The original bytes of every dead letter, the same letter once."""
    seen = set()
    for record in read_all(settings.kafka_bootstrap, DLQ_TOPIC):
        if record.key not in seen:
            seen.add(record.key)
            yield Line(original_of(record.value), "dlq", (record.key or b"").decode())


def replay(
    source: Iterable[Line],
    settings: Settings,
    *,
    form: str = "events",
    speed: float = 0.0,
    bury: bool = True,
    progress: Callable[[Counts], None] = lambda _: None,
) -> Counts:
    """Send lines to their topics and wait until the log has them all.

    Args:
        source: what to send, in order of arrival.
        settings: where the log is.
        form: "labels" for labels; every other form is events.
        speed: event time passes so many times faster than the clock; 0 is as fast as possible.
        bury: whether a line that does not fit becomes a dead letter (one that came from there stays there).
        progress: called now and then.
    """
    ensure_topics(settings.kafka_bootstrap, TOPICS)
    producer, counts, pace = FastProducer(settings.kafka_bootstrap), Counts(), _Pace(speed)
    admit = _label if form == "labels" else _event
    for line in source:
        counts.produced += 1
        try:
            topic, key, value, at = admit(line.raw)
        except BadInput as error:
            counts.dead_lettered += 1
            counts.reasons[error.reason] += 1
            if bury:
                producer.send(DLQ_TOPIC, *dead_letter(line.raw, error.reason, error.field, line.source, line.position))
        else:
            pace.wait(at, producer.flush)
            producer.send(topic, key, value)
            counts.accepted += 1
        if counts.produced % _PROGRESS == 0:
            progress(counts)
    producer.flush()
    progress(counts)
    return counts


def _event(raw: bytes) -> tuple[str, bytes, bytes, float]:
    event = parse(raw)
    value = raw if b'"event_id"' in raw else encode(event)
    return TOPIC_OF[event.type], event.kol_id.encode(), value, event.event_time.timestamp()


def _label(raw: bytes) -> tuple[str, bytes, bytes, float]:
    label = parse_label(raw)
    return LABELS_TOPIC, label.kol_id.encode(), raw, label.label_time.timestamp()


class _Pace:
    """Lets event time pass `speed` times as fast as the clock."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start: tuple[float, float] | None = None

    def wait(self, at: float, before_sleep: Callable[[], None]) -> None:
        if not self._speed:
            return
        if self._start is None:
            self._start = (at, time.monotonic())
        ahead = (at - self._start[0]) / self._speed - (time.monotonic() - self._start[1])
        if ahead > _AHEAD_S:
            before_sleep()
            time.sleep(max(ahead - _AHEAD_S, 0.01))


def _time_of(raw: bytes) -> datetime | None:
    found = _EVENT_TIME.search(raw)
    try:
        at = datetime.fromisoformat(found[1].decode()) if found else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo else None
