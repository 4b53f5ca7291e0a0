"""Typed tensors in, typed tensors out. Every door comes through here."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from predictors.admission import DEFAULT_LIMITS, Admission, Lane, Limits, Turn
from predictors.batching import Batcher
from predictors.copies import GOLDEN
from predictors.lineup import Entry, Lineups
from predictors.metrics import Metrics
from predictors.served import Question, Served, ask, compute
from predictors.splitting import Splits
from predictors.tensors import InferRequest, InferResponse, Parameter, Tensor
from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput, TooLate

ECHOED: Final = ("as_of",)
"""Parameters of a request that its answer repeats."""
MAX_ID: Final = 256
TIMEOUT: Final = "timeout"
"""Parameter of a request: microseconds after which its answer is of no use."""


class Witness(Protocol):
    """Is told of every answer. Must return at once and never fail."""

    def note(self, entry: Entry, question: Question, response: InferResponse) -> None: ...


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
        self,
        lineups: Lineups,
        metrics: Metrics,
        witnesses: Sequence[Witness] = (),
        limits: Limits = DEFAULT_LIMITS,
        splits: Splits | None = None,
    ) -> None:
        self._lineups = lineups
        self._splits = splits or Splits(lineups, metrics)
        self._metrics = metrics
        self._witnesses = witnesses
        self._admission = Admission(limits, metrics)
        self._few, self._slow = (Lane(name, limits.wait_s, metrics) for name in ("loop", "thread"))
        self._batcher = Batcher(self._few, metrics)
        self._pool = ThreadPoolExecutor(1, "infer")
        self._telling = ThreadPoolExecutor(1, "tell")  # in the pool above it would wait for all who wait there
        self._session = uuid.uuid4().hex[:12]
        self._numbers = itertools.count()
        self._last_asked = 0.0
        self.limits = limits
        self.draining = False

    def admit(self) -> Turn:
        """The stay of one request; a door enters it before it reads a body. Raises Overloaded."""
        return self._admission.enter()

    async def infer(
        self, model: str, version: str, request: InferRequest, within_s: float | None = None
    ) -> InferResponse:
        """The answer of one version: "" is whom the split says, or the champion; else a version or alias.

        Raises NotFound, NotReady, BadInput, Overloaded, and TooLate after `within_s` seconds or what a limit says.
        """
        started = self._last_asked = time.perf_counter()
        if request.id and len(request.id) > MAX_ID:
            raise BadInput(f"has {len(request.id)} characters, at most {MAX_ID} are taken", "id")
        until = started + _within(request, within_s, self.limits.deadline_s)
        entry, tally = self._splits.find(model, version, request.id)
        served = entry.served
        meter = self._metrics.meter(served.model, served.version, copy=bool(request.copy))
        try:
            question = ask(served, request, self.limits.rows)
            slow = question.rows * served.row_s > self.limits.inline_s or len(question.inputs) > 1
            outputs = await (self._thread(served, question, until) if slow else self._batcher.ask(served, question))
            ended = _in_time(until)
        except BaseException:
            meter.failed()
            if tally is not None:
                tally("error")
            raise
        meter.ok(question.rows, ended - started)
        if tally is not None:
            tally("ok")
        name = request.id or f"{self._session}-{next(self._numbers)}"
        response = InferResponse(served.model, served.version, outputs, name, _notes(entry, request))
        for witness in self._witnesses if request.copy != GOLDEN else ():
            if slow:
                await asyncio.get_running_loop().run_in_executor(self._telling, witness.note, entry, question, response)
            else:
                witness.note(entry, question, response)
        return response

    async def _thread(self, served: Served, question: Question, until: float) -> list[Tensor]:
        self._slow.enter()
        loop = asyncio.get_running_loop()
        work = self._pool.submit(_timely, served, question, until)

        def done(work: Future[tuple[list[Tensor], float]]) -> None:
            failed = work.cancelled() or work.exception() is not None
            loop.call_soon_threadsafe(self._slow.leave, None if failed else work.result()[1])

        work.add_done_callback(done)
        try:
            async with asyncio.timeout(until - time.perf_counter()):
                return (await asyncio.wrap_future(work))[0]
        except TimeoutError:
            raise TooLate(_LATE) from None

    def show(self) -> None:
        """Bring the metrics of who is inside and who waits up to date."""
        self._metrics.in_flight.set(self._admission.inside)
        for lane in (self._few, self._slow):
            self._metrics.queued.labels(lane.name).set(lane.waiting)

    def quiet(self, seconds: float) -> bool:
        """Whether nothing is being answered and nobody has asked for so long."""
        return not self._admission.inside and time.perf_counter() - self._last_asked > seconds

    @property
    def ready(self) -> bool:
        """Whether every model that is wanted has a champion and no stop is under way."""
        return not self.draining and not self._lineups.waiting()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return self._lineups.models

    def unready(self) -> str:
        """Why the server is not ready, in words."""
        if self.draining:
            return "the server is stopping"
        return "; ".join(f"{name}: {problem}" for name, problem in self._lineups.waiting().items())

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
            **({} if version else self._splits.told(served.model, served.version)),
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
        self._telling.shutdown()


_LATE: Final = "the deadline passed before the answer was there; send fewer rows or allow more time"


def _in_time(until: float) -> float:
    """The time now. Raises TooLate after `until`."""
    now = time.perf_counter()
    if now > until:
        raise TooLate(_LATE)
    return now


def _timely(served: Served, question: Question, until: float) -> tuple[list[Tensor], float]:
    started = _in_time(until)
    return compute(served, question), time.perf_counter() - started


def _within(request: InferRequest, asked_s: float | None, most_s: float) -> float:
    micros = request.parameters.get(TIMEOUT)
    if micros is not None:
        if isinstance(micros, bool) or not isinstance(micros, int) or micros < 0:
            raise BadInput("must be a whole number of microseconds", TIMEOUT)
        most_s = min(most_s, micros / 1e6) if micros else most_s
    return most_s if asked_s is None else min(most_s, asked_s)


def _notes(entry: Entry, request: InferRequest) -> dict[str, Parameter]:
    notes: dict[str, Parameter] = {"model_version": entry.served.version, "alias": entry.alias}
    for name in ECHOED:
        if name in request.parameters:
            notes[name] = request.parameters[name]
    return notes
