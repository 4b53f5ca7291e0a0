"""The inference log: every answer on the topic `inference.log`, through a bounded queue that never makes one wait.

An answer is a line of JSON, one of many rows several lines; a message holds the lines of up to a tenth of a second,
which costs a fraction of a message for each. Lines are counted as they are offered, as the log acknowledges them, and
as they are dropped: in = sent + dropped + queued. Texts are never written, only their digest: they may be personal.
"""

from __future__ import annotations

import hashlib
import threading
import time
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import orjson
import structlog

from predictors.lineup import Entry
from predictors.metrics import Metrics
from predictors.served import Question
from predictors.tensors import Array, InferResponse
from scoreops.kol.events import INFERENCE_TOPIC

ROWS: Final = 500
"""Most rows in one line."""
LINES: Final = 512
"""Most lines in one message."""
RUN: Final = 64
"""Small answers are written so many at a time: each then costs half of what it would between two requests."""
SMALL: Final = 8
"""Most rows of a small answer."""
LARGEST: Final = 900_000
"""Most bytes in a message of several lines, or in a line of several rows; with its envelope, Kafka takes a million."""
POLL_S: Final = 0.1
_log: Final = structlog.get_logger("predictors.inference_log")
_NUMBERS: Final = orjson.OPT_SERIALIZE_NUMPY


class Detail(StrEnum):
    """What the log holds of the inputs: their values, or a digest of each."""

    VALUES = "values"
    HASH = "hash"


class Sink(Protocol):
    """Takes a message or says no at once. `settled`: how many of the lines taken were acknowledged, how many lost."""

    def offer(self, topic: str, value: bytes, lines: int) -> bool: ...

    def settled(self) -> tuple[int, int]: ...

    def close(self, timeout_s: float) -> None: ...


class _Noted(NamedTuple):
    """An answer that is still to be written."""

    entry: Entry
    question: Question
    response: InferResponse
    shadow_of: str
    time_us: int


class InferenceLog:
    """A witness of the data plane."""

    def __init__(self, sink: Sink, metrics: Metrics, detail: Detail = Detail.VALUES) -> None:
        self._taken, self._sent, self._dropped = (metrics.logged.labels(stage) for stage in ("in", "sent", "dropped"))
        self._detail = detail
        self._settled = (0, 0)
        self._losing = False
        self._sink = sink
        self._turn = threading.Lock()
        self._noted: list[_Noted] = []
        self._lines: list[bytes] = []
        self._size = 0

    def note(self, entry: Entry, question: Question, response: InferResponse, shadow_of: str = "") -> None:
        """Queue an answer, or count it as dropped. `shadow_of` is the version whose answer was given in its place."""
        noted = _Noted(entry, question, response, shadow_of, time.time_ns() // 1000)
        if question.rows <= SMALL:
            with self._turn:
                self._noted.append(noted)
                if len(self._noted) == RUN:
                    self._write()
        else:
            lines = self._lines_of(noted)
            with self._turn:
                self._add(lines)

    def _write(self) -> None:
        noted, self._noted = self._noted, []
        for one in noted:
            self._add(self._lines_of(one))

    def _add(self, lines: list[bytes]) -> None:
        for line in lines:
            if self._size + len(line) > LARGEST:
                self._offer()
            self._lines.append(line)
            self._size += len(line) + 1
            if len(self._lines) == LINES:
                self._offer()

    def _offer(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        if not lines:
            return
        self._taken.inc(len(lines))
        if not self._sink.offer(INFERENCE_TOPIC, b"\n".join(lines), len(lines)):
            self._dropped.inc(len(lines))
            self._say(losing=True)

    def poll(self) -> None:
        """Send what waits, and count what became of earlier lines; to be called several times a second."""
        with self._turn:
            self._write()
            self._offer()
        settled = self._sink.settled()
        sent, lost = (now - before for now, before in zip(settled, self._settled, strict=True))
        self._settled = settled
        self._sent.inc(sent)
        self._dropped.inc(lost)
        if sent or lost:
            self._say(losing=lost > 0)

    def close(self, timeout_s: float = 5.0) -> None:
        """Wait for what is queued, for so long; the rest counts as dropped."""
        with self._turn:
            self._write()
            self._offer()
        self._sink.close(timeout_s)
        self.poll()

    def _say(self, *, losing: bool) -> None:
        if losing != self._losing:
            self._losing = losing
            _log.warning("answers are dropped from the inference log" if losing else "the inference log is back")

    def _lines_of(self, noted: _Noted) -> list[bytes]:
        rows = noted.question.rows
        parts = (slice(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
        return [line for part in parts for line in self._told_as(noted, part)]

    def _told_as(self, noted: _Noted, part: slice) -> list[bytes]:
        """Rows as one line, or as halves of one where their columns are too many for a message."""
        message = self._line(noted, part)
        if noted.question.copy:
            message["copy"] = noted.question.copy
        if noted.shadow_of:
            message["shadow_of"] = noted.shadow_of
        made = orjson.dumps(message, option=_NUMBERS)
        middle = (part.start + part.stop) // 2
        if len(made) <= LARGEST or middle == part.start:
            return [made]
        halves = slice(part.start, middle), slice(middle, part.stop)
        return [made for half in halves for made in self._told_as(noted, half)]

    def _line(self, noted: _Noted, part: slice) -> dict[str, Any]:
        entry, question, response = noted.entry, noted.question, noted.response
        served = entry.served
        return {
            "request_id": response.id,
            "traceparent": question.trace,
            "time_us": noted.time_us,
            "model": served.model,
            "version": served.version,
            "alias": entry.alias,
            "schema_hash": served.schema_hash,
            "parameters": dict(question.parameters) if question.parameters else {},
            "first_row": part.start,
            "rows": question.rows,
            "inputs": {name: self._told(data[part]) for name, data in question.inputs.items()},
            "outputs": {tensor.name: _values(tensor.data[part]) for tensor in response.outputs},
        }

    def _told(self, data: Array) -> object:
        if self._detail is Detail.HASH or data.dtype.kind == "O":
            return _digest(data)
        return _values(data)


def _values(data: Array) -> object:
    """What the encoder takes: arrays of numbers as they are, texts as a list."""
    if data.dtype.kind == "O":
        return data.tolist()
    return data if data.flags.c_contiguous else np.ascontiguousarray(data)


def _digest(data: Array) -> str:
    raw = orjson.dumps(data.tolist()) if data.dtype.kind == "O" else data.tobytes()
    return hashlib.sha256(raw).hexdigest()
