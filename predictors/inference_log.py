"""The inference log: every answer on the topic `inference.log`, through a bounded queue that never makes one wait.

Counted as they come in, as the log acknowledges them, and as they are dropped: in = sent + dropped + queued. An answer
of many rows takes several messages. Texts are never written, only their digest: they may be those of people.
"""

from __future__ import annotations

import hashlib
import time
from enum import StrEnum
from typing import Any, Final, Protocol

import numpy as np
import orjson
import structlog

from predictors.lineup import Entry
from predictors.metrics import Metrics
from predictors.served import Question
from predictors.tensors import Array, InferResponse
from scoreops.kol.events import INFERENCE_TOPIC

ROWS: Final = 500
"""Most rows in one message."""
LARGEST: Final = 900_000
"""Most bytes in a message of several rows; with key and envelope, Kafka takes a million."""
POLL_S: Final = 0.1
_log: Final = structlog.get_logger("predictors.inference_log")
_NUMBERS: Final = orjson.OPT_SERIALIZE_NUMPY


class Detail(StrEnum):
    """What the log holds of the inputs: their values, or a digest of each."""

    VALUES = "values"
    HASH = "hash"


class Sink(Protocol):
    """Takes a message or says no at once. `settled`: how many of those taken were acknowledged, and how many lost."""

    def offer(self, topic: str, key: bytes, value: bytes) -> bool: ...

    def settled(self) -> tuple[int, int]: ...

    def close(self, timeout_s: float) -> None: ...


class InferenceLog:
    """A witness of the data plane."""

    def __init__(self, sink: Sink, metrics: Metrics, detail: Detail = Detail.VALUES) -> None:
        self._taken, self._sent, self._dropped = (metrics.logged.labels(stage) for stage in ("in", "sent", "dropped"))
        self._detail = detail
        self._settled = (0, 0)
        self._losing = False
        self._sink = sink

    def note(self, entry: Entry, question: Question, response: InferResponse, shadow_of: str = "") -> None:
        """Queue an answer, or count it as dropped. `shadow_of` is the version whose answer was given in its place."""
        for start in range(0, question.rows, ROWS):
            part = slice(start, min(start + ROWS, question.rows))
            for message in self._messages(entry, question, response, shadow_of, part):
                self._taken.inc()
                if not self._sink.offer(INFERENCE_TOPIC, (response.id or "").encode(), message):
                    self._dropped.inc()
                    self._say(losing=True)

    def poll(self) -> None:
        """Count what became of earlier messages; to be called several times a second."""
        settled = self._sink.settled()
        sent, lost = (now - before for now, before in zip(settled, self._settled, strict=True))
        self._settled = settled
        self._sent.inc(sent)
        self._dropped.inc(lost)
        if sent or lost:
            self._say(losing=lost > 0)

    def close(self, timeout_s: float = 5.0) -> None:
        """Wait for what is queued, for so long; the rest counts as dropped."""
        self._sink.close(timeout_s)
        self.poll()

    def _say(self, *, losing: bool) -> None:
        if losing != self._losing:
            self._losing = losing
            _log.warning("answers are dropped from the inference log" if losing else "the inference log is back")

    def _messages(
        self, entry: Entry, question: Question, response: InferResponse, shadow_of: str, part: slice
    ) -> list[bytes]:
        """Rows as one message, or as halves of one where their columns are too many for it."""
        message = self._message(entry, question, response, part)
        if question.copy:
            message["copy"] = question.copy
        if shadow_of:
            message["shadow_of"] = shadow_of
        made = orjson.dumps(message, option=_NUMBERS)
        middle = (part.start + part.stop) // 2
        if len(made) <= LARGEST or middle == part.start:
            return [made]
        halves = slice(part.start, middle), slice(middle, part.stop)
        return [made for half in halves for made in self._messages(entry, question, response, shadow_of, half)]

    def _message(self, entry: Entry, question: Question, response: InferResponse, part: slice) -> dict[str, Any]:
        served = entry.served
        return {
            "request_id": response.id,
            "traceparent": question.trace,
            "time_us": time.time_ns() // 1000,
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
