"""The inference log: each answer as one message on `inference.log`, through a bounded queue that never makes one wait.

Counted as they come in, as they are acknowledged by the log, and as they are dropped: in = sent + dropped + queued.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog

from predictors.lineup import Entry
from predictors.metrics import Metrics
from predictors.served import FEATURES
from predictors.tensors import InferRequest, InferResponse
from scoreops.core.errors import NotReady
from scoreops.kol.events import INFERENCE_TOPIC

QUEUE: Final = 20_000
"""Answers that may wait; what comes beyond is dropped and counted."""
BATCH: Final = 500
"""Most messages in flight to the log."""
IDLE_S: Final = 0.2
_log: Final = structlog.get_logger("predictors.inference_log")
_JSON: Final = msgspec.json.Encoder()


class Sink(Protocol):
    """Takes messages; `flush` returns when all are acknowledged. Both raise NotReady."""

    def send(self, topic: str, key: bytes | None, value: bytes) -> None: ...

    def flush(self) -> None: ...


class _Note(NamedTuple):
    at_us: int
    number: int
    entry: Entry
    request: InferRequest
    response: InferResponse


class InferenceLog:
    """A journal of the data plane whose own thread writes to a sink made by `connect`."""

    def __init__(self, connect: Callable[[], Sink], metrics: Metrics, size: int = QUEUE) -> None:
        self._connect = connect
        self._size = size
        self._queue: deque[_Note] = deque()
        self._taken, self._sent, self._dropped = (metrics.logged.labels(stage) for stage in ("in", "sent", "dropped"))
        self._numbers = itertools.count()
        self._session = uuid.uuid4().hex[:12]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def note(self, entry: Entry, request: InferRequest, response: InferResponse) -> None:
        """Queue an answer, or drop it where the queue is full. Returns at once."""
        self._taken.inc()
        if len(self._queue) >= self._size:
            self._dropped.inc()
            return
        self._queue.append(_Note(time.time_ns() // 1000, next(self._numbers), entry, request, response))

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, for at most `timeout_s`; the rest is dropped and counted."""
        self._stop.set()
        self._thread.join(timeout_s)
        self._dropped.inc(len(self._queue))
        self._queue.clear()

    def _run(self) -> None:
        sink: Sink | None = None
        while not (self._stop.is_set() and not self._queue):
            if not self._queue:
                self._stop.wait(IDLE_S)
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                sink = sink or self._connect()
                for note in batch:
                    message = self._message(note)
                    sink.send(INFERENCE_TOPIC, message["request_id"].encode(), _JSON.encode(message))
                sink.flush()
                self._sent.inc(len(batch))
            except NotReady as error:
                self._dropped.inc(len(batch))
                _log.warning("answers dropped", count=len(batch), reason=str(error))
                sink = None

    def _message(self, note: _Note) -> dict[str, Any]:
        served, request = note.entry.served, note.request
        features = next((tensor.data for tensor in request.inputs if tensor.name == FEATURES), None)
        return {
            "request_id": request.id or f"{self._session}-{note.number}",
            "time_us": note.at_us,
            "model": served.model,
            "version": served.version,
            "alias": note.entry.alias,
            "schema_hash": served.schema_hash,
            "parameters": dict(request.parameters),
            "features": None if features is None else features.tolist(),
            "outputs": {tensor.name: tensor.data.tolist() for tensor in note.response.outputs},
        }
