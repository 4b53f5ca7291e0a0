"""The process: puts the parts together, listens, and on SIGTERM goes on answering until it is quiet."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog
import uvicorn
import uvloop
from prometheus_client import disable_created_metrics

from predictors.dataplane import DataPlane, Limits
from predictors.inference_log import InferenceLog
from predictors.keeper import Keeper
from predictors.lineup import Lineups
from predictors.metrics import Metrics
from predictors.rest import Control, Rest
from predictors.sources import Source
from scoreops.adapters.kafka import FastProducer
from scoreops.catalog import Score
from scoreops.core.errors import NotReady

QUIET_S: Final = 0.25
"""A server that is told to stop closes once nobody has asked for so long."""
_POLL_S: Final = 0.05
_log: Final = structlog.get_logger("predictors.server")


@dataclass(frozen=True)
class Options:
    """How one server runs. `kafka` empty: no inference log; `admin_key` empty: no load and unload from outside."""

    host: str
    port: int
    scores: Mapping[str, Score]
    source: Source
    version: str
    kafka: str = ""
    admin_key: str = ""
    watch_s: float = 1.0
    drain_s: float = 10.0
    limits: Limits = field(default_factory=Limits)


class _Server(uvicorn.Server):
    """Uvicorn that leaves the signal to us: the first one starts the drain, a second one stops at once."""

    def __init__(self, config: uvicorn.Config, told: asyncio.Event) -> None:
        super().__init__(config)
        self._told = told
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - their signature
        if self._told.is_set():
            self.should_exit = self.force_exit = True
        self._loop.call_soon_threadsafe(self._told.set)


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises NotReady when the port is taken."""
    listener = _listen(options.host, options.port)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, listener))


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise NotReady(f"cannot listen on {host}:{port}: {error.strerror}; set another --port") from error
    return listener


async def _serve(options: Options, listener: socket.socket) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = Metrics()
    lineups = Lineups(options.scores)
    keeper = Keeper(options.source, options.scores, lineups, metrics)
    journal = InferenceLog(lambda: FastProducer(options.kafka), metrics) if options.kafka else None
    plane = DataPlane(lineups, metrics, journal, options.limits)
    control = Control(keeper, options.admin_key) if options.admin_key else None
    told = asyncio.Event()
    server = _Server(_config(Rest(plane, metrics, options.version, control)), told)
    if journal is not None:
        journal.start()
    watch = asyncio.create_task(keeper.watch(options.watch_s))
    drain = asyncio.create_task(_drain(server, plane, told, options.drain_s))
    _log.info("listening", host=options.host, port=listener.getsockname()[1], models=lineups.models)
    try:
        await server.serve([listener])
    finally:
        for task in (watch, drain):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        plane.close()
        if journal is not None:
            await asyncio.to_thread(journal.close)
    _log.info("stopped")


async def _drain(server: uvicorn.Server, plane: DataPlane, told: asyncio.Event, most_s: float) -> None:
    """Once told to stop: not ready, every answer asks its client to leave, and the end when nobody asks any more."""
    await told.wait()
    plane.draining = True
    _log.info("draining", most_s=most_s)
    deadline = time.perf_counter() + most_s
    while time.perf_counter() < deadline and not plane.quiet(QUIET_S):  # noqa: ASYNC110 - quiet is no event
        await asyncio.sleep(_POLL_S)
    server.should_exit = True


def _config(app: Rest) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=30,
        backlog=2048,
    )
