"""Typed tensors in, typed tensors out. Every door (REST now, others later) comes through here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from predictors.lineup import Entry, Lineups
from predictors.metrics import Metrics
from predictors.served import Served, answer
from predictors.tensors import InferRequest, InferResponse, Parameter, Tensor
from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput

ECHOED: Final = ("as_of",)
"""Parameters of a request that its answer repeats."""


class Limits(NamedTuple):
    """What one request may ask for."""

    rows: int = 10_000
    """Most rows in one request."""
    inline_rows: int = 64
    """Up to so many rows are computed on the event loop; more, or optional inputs, in a thread: others go on."""
    body_bytes: int = 64 * 1024 * 1024
    """Largest body."""


DEFAULT_LIMITS: Final = Limits()


class Journal(Protocol):
    """Where answers are noted. Must return at once."""

    def note(self, entry: Entry, request: InferRequest, response: InferResponse) -> None: ...


@dataclass(frozen=True)
class ModelMetadata:
    """What a model takes and gives."""

    name: str
    versions: Sequence[str]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    properties: dict[str, str]


class IndexEntry(NamedTuple):
    """A line of the repository index."""

    name: str
    version: str
    state: str
    reason: str


class DataPlane:
    """Answers questions about and to the models of `lineups`."""

    def __init__(
        self, lineups: Lineups, metrics: Metrics, journal: Journal | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._lineups = lineups
        self._metrics = metrics
        self._journal = journal
        self._pool = ThreadPoolExecutor(1, "infer")
        self._busy = 0
        self._last_asked = 0.0
        self.limits = limits
        self.draining = False

    async def infer(self, model: str, version: str, request: InferRequest) -> InferResponse:
        """The answer of one version: "" is the champion, else a version or alias.

        Raises NotFound, NotReady, BadInput.
        """
        started = self._last_asked = time.perf_counter()
        entry = self._lineups.find(model, version)
        self._busy += 1
        try:
            with self._metrics.request(entry.served.model, entry.served.version) as meter:
                outputs, rows = await self._answer(entry.served, request)
                meter.done(rows, time.perf_counter() - started)
        finally:
            self._busy -= 1
        response = InferResponse(entry.served.model, entry.served.version, outputs, request.id, _notes(entry, request))
        if self._journal is not None:
            self._journal.note(entry, request, response)
        return response

    async def _answer(self, served: Served, request: InferRequest) -> tuple[list[Tensor], int]:
        if self._rows(request) <= self.limits.inline_rows and len(request.inputs) == 1:
            return answer(served, request)
        return await asyncio.get_running_loop().run_in_executor(self._pool, answer, served, request)

    def quiet(self, seconds: float) -> bool:
        """Whether nothing is being answered and nobody has asked for so long."""
        return not self._busy and time.perf_counter() - self._last_asked > seconds

    def _rows(self, request: InferRequest) -> int:
        rows = max((len(tensor.data) for tensor in request.inputs if tensor.data.ndim), default=0)
        if rows > self.limits.rows:
            raise BadInput(f"has {rows} rows, at most {self.limits.rows} are taken in one request", "inputs")
        return rows

    @property
    def ready(self) -> bool:
        """Whether every model has a champion and no stop is under way."""
        return not self.draining and all(self._lineups.of(model).ready for model in self._lineups.models)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return self._lineups.models

    def unready(self) -> str:
        """Why the server is not ready, in words."""
        if self.draining:
            return "the server is stopping"
        waiting = [(name, self._lineups.of(name)) for name in self._lineups.models]
        return "; ".join(f"{name}: {line.problem or 'loading'}" for name, line in waiting if not line.ready)

    def check_ready(self, model: str, version: str) -> None:
        """Raises NotFound or NotReady unless `version` of `model` answers."""
        self._lineups.find(model, version)

    def metadata(self, model: str, version: str) -> ModelMetadata:
        """Inputs and outputs of a version; without one, of the champion, with all versions. Raises as `infer`."""
        served = self._lineups.find(model, version).served
        line = self._lineups.of(model)
        properties = {
            "schema_hash": served.schema_hash,
            "columns": served.joined_columns,
            "digest": served.digest,
            "model_version": served.version,
            "aliases": ",".join(line.aliases_of(served.version)),
            **served.properties,
        }
        versions = [served.version] if version else line.versions
        return ModelMetadata(served.model, versions, served.inputs, served.outputs, properties)

    def index(self, *, ready_only: bool = False) -> list[IndexEntry]:
        """Every version that is known here, with its state."""
        found = []
        for name in self._lineups.models:
            line = self._lineups.of(name)
            found += [IndexEntry(name, v, "READY", "") for v in line.versions]
            failed = [IndexEntry(name, version, "UNAVAILABLE", why) for version, why in line.failed.items()]
            if not line.entries and not failed:
                failed = [IndexEntry(name, "", "LOADING" if not line.problem else "UNAVAILABLE", line.problem)]
            found += [] if ready_only else failed
        return found

    def close(self) -> None:
        """Wait for what is being computed."""
        self._pool.shutdown()


def _notes(entry: Entry, request: InferRequest) -> dict[str, Parameter]:
    notes: dict[str, Parameter] = {"model_version": entry.served.version, "alias": entry.alias}
    for name in ECHOED:
        if name in request.parameters:
            notes[name] = request.parameters[name]
    return notes
