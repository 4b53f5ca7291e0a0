"""The process: puts the parts together, listens, and on SIGTERM goes on answering until it is quiet."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from prometheus_client import disable_created_metrics

from predictors.admission import Limits
from predictors.dataplane import DataPlane, Witness
from predictors.guard import Guard
from predictors.inference_log import POLL_S, Detail, InferenceLog
from predictors.keeper import Keeper
from predictors.lineup import Lineups
from predictors.listening import GrpcServer, HttpServer, Tls, http_config, listen
from predictors.metrics import Metrics
from predictors.rest import Rest
from predictors.rpc import Rpc
from predictors.shadow import Rule, Shadow
from predictors.sources import Source
from predictors.splitting import Splits
from predictors.tracing import Tracing
from scoreops.adapters.kafka import BestEffortProducer, ensure_topics
from scoreops.adapters.split_file import SplitFiles
from scoreops.catalog import Score
from scoreops.core import garbage
from scoreops.core.errors import NotReady, Unsupported
from scoreops.kol.events import INFERENCE_TOPIC

QUIET_S: Final = 0.25
"""A server that is told to stop closes once nobody has asked for so long."""
LAST_S: Final = 5.0
"""Longest wait for those who came in before the door was closed."""
TOPIC_S: Final = 5.0
SHOW_S: Final = 0.5
YOUNG: Final = 20_000
"""So many new objects between two collections: requests leave no cycles behind, and looking for some costs 5 %."""
SPLIT_S: Final = 0.2
"""How often the splits are looked at: two `stat` a model and second, and the way back must not wait."""
_POLL_S: Final = 0.05
_log: Final = structlog.get_logger("predictors.server")


@dataclass(frozen=True)
class Options:
    """How one server runs.

    `grpc_port` None: no gRPC; `kafka` empty: no inference log, and so no shadows; `splits` None: the champion answers
    whatever anybody writes; `key` empty: everybody may ask; `admin_key` empty: no load and unload from outside;
    `shared`: other workers listen on the same ports; a model without a score is a plain one; `every`: the server is
    ready once each of `scores` has a champion, otherwise once those do that the source knows.
    """

    host: str
    port: int
    scores: Mapping[str, Score | None]
    source: Source
    version: str
    every: bool = True
    grpc_port: int | None = None
    kafka: str = ""
    log_detail: Detail = Detail.VALUES
    shadows: Mapping[str, Rule] = field(default_factory=dict)
    splits: Path | None = None
    key: str = ""
    admin_key: str = ""
    tls: Tls | None = None
    exporter: Any = None
    shared: bool = False
    watch_s: float = 1.0
    linger_s: float = 0.0
    drain_s: float = 10.0
    limits: Limits = field(default_factory=Limits)


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises NotReady when a port is taken."""
    listener = listen(options.host, options.port, shared=options.shared)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, listener))


async def _serve(options: Options, listener: Any) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    garbage.settle(YOUNG)
    metrics, tracing = Metrics(shared=options.shared), Tracing(options.exporter)
    lineups = Lineups(options.scores, every=options.every)
    splits = Splits(lineups, metrics, SplitFiles(options.splits) if options.splits else None)
    keeper = Keeper(options.source, options.scores, lineups, metrics, lambda model: splits.of(model).versions)
    guard = Guard(options.key, options.admin_key, keeper if options.admin_key else None)
    told = asyncio.Event()
    async with _witnesses(options, lineups, metrics, splits) as witnesses:
        plane = DataPlane(lineups, metrics, witnesses, options.limits, splits)
        rest = Rest(plane, metrics, options.version, guard, tracing)
        server = HttpServer(http_config(rest, options.tls), told)
        door = Rpc(plane, metrics, options.version, guard, tracing)
        rpc = GrpcServer(door, plane, options.limits.body_bytes, shared=options.shared)
        grpc_port = None
        if options.shared:  # a worker without bundles would refuse what those beside it can answer
            await keeper.look()
        if options.grpc_port is not None:
            grpc_port = await rpc.start(options.host, options.grpc_port, options.tls)
        tasks = [
            asyncio.create_task(_show(plane)),
            asyncio.create_task(keeper.watch(options.watch_s)),
            asyncio.create_task(splits.watch(min(options.watch_s, SPLIT_S))),
            asyncio.create_task(_drain(server, rpc, plane, told, options)),
        ]
        port = listener.getsockname()[1]
        _log.info("listening", host=options.host, port=port, grpc_port=grpc_port, models=lineups.models)
        try:
            await server.serve([listener])
        finally:
            await rpc.stop(LAST_S)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            plane.close()
    await asyncio.to_thread(tracing.close)
    _log.info("stopped")


@asynccontextmanager
async def _witnesses(
    options: Options, lineups: Lineups, metrics: Metrics, splits: Splits
) -> AsyncIterator[list[Witness]]:
    """Who is told of the answers; at the end what they hold is written."""
    if not options.kafka:
        yield []
        return
    journal = InferenceLog(BestEffortProducer(options.kafka), metrics, options.log_detail)
    threading.Thread(target=_ensure_topic, args=(options.kafka,), daemon=True).start()
    shadow = Shadow(options.shadows, lineups, journal, metrics, splits)

    async def poll() -> None:
        while True:
            journal.poll()
            await asyncio.sleep(POLL_S)

    polling = asyncio.create_task(poll())
    try:
        yield [journal, shadow] if options.shadows or options.splits else [journal]
    finally:
        await shadow.close()
        polling.cancel()
        await asyncio.to_thread(journal.close)


def _ensure_topic(kafka: str) -> None:
    """Make the log's topic where it is missing; a broker that is away is asked again and keeps nobody waiting."""
    while True:
        try:
            ensure_topics(kafka, [INFERENCE_TOPIC])
        except NotReady as error:
            _log.warning("the inference log's topic is not there yet", reason=str(error))
            time.sleep(TOPIC_S)
        except Unsupported as error:
            _log.warning("whoever reads the inference log may miss a part of it", reason=str(error))
            return
        else:
            return


async def _show(plane: DataPlane) -> None:
    """Of several workers one is asked for metrics; what the others say of themselves is never older than a moment."""
    while True:
        plane.show()
        await asyncio.sleep(SHOW_S)


async def _drain(server: HttpServer, rpc: GrpcServer, plane: DataPlane, told: asyncio.Event, options: Options) -> None:
    """Once told to stop: not ready, and every answer asks its client to leave until nobody asks any more.

    Who balances the load goes on sending for a while: the doors stay open for `linger_s`, and then until it is quiet,
    for at most `drain_s`. After that they are closed; those inside are answered still.
    """
    await told.wait()
    plane.draining = True
    _log.info("draining", linger_s=options.linger_s, most_s=options.drain_s)
    await asyncio.sleep(options.linger_s)
    await _quiet(plane, options.drain_s)
    for listening in server.servers:
        listening.close()
    await asyncio.gather(rpc.stop(LAST_S), _quiet(plane, LAST_S))
    server.should_exit = True


async def _quiet(plane: DataPlane, most_s: float) -> None:
    deadline = time.perf_counter() + most_s
    while time.perf_counter() < deadline and not plane.quiet(QUIET_S):  # noqa: ASYNC110 - quiet is no event
        await asyncio.sleep(_POLL_S)
