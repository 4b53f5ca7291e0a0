"""Which components there are, and how they come up and go down together."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import psutil

from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.local import processes
from scoreops.local.service import Service, names, recorded, stop

COMPONENTS: Final = ("kafka", "valkey", "mlflow")
"""What every profile needs; each has a file of its name beside this one."""
ON_REQUEST: Final = ("seaweedfs", "trino")
"""What comes up only when it is named."""


class Status(NamedTuple):
    """How a service is: `state` is ready, starting, stopped or leftover (a crash left parts of it behind)."""

    name: str
    state: str
    pid: int | None
    ports: tuple[int, ...]
    rss_mb: int | None
    since: float | None
    log: Path


def component(name: str, settings: Settings) -> Service:
    """The service called `name`. Raises Unsupported for another name."""
    if name not in COMPONENTS + ON_REQUEST:
        raise Unsupported(f"{name!r} is not one of {', '.join(COMPONENTS + ON_REQUEST)}")
    made: Service = import_module(f"scoreops.local.{name}").service(settings)
    return made


def up(services: Sequence[Service]) -> None:
    """Start all and wait until each is ready; if one fails, or on Ctrl-C, stop what this call started.

    Raises NotReady when a port is taken or a service does not come up.
    """
    if not services:
        return
    with _only_one(services[0].home):
        idle = [service for service in services if service.process() is None]
        try:
            for service in services:
                service.start()
            for service in services:
                service.wait()
        except BaseException:
            with uninterrupted():
                for service in reversed(idle):
                    service.stop()
            raise


def down(settings: Settings, keep: Collection[str] = ()) -> list[str]:
    """Stop every service of this HOME but those in `keep`, the newest first. Returns the names of what ran."""
    if not settings.root.is_dir():
        return []
    with _only_one(settings.root):
        return [name for name in names(settings.root) if name not in keep and stop(settings.root, name)]


def status(settings: Settings) -> list[Status]:
    """The components, then whatever else runs under this HOME."""
    others = sorted(set(names(settings.root)) - set(COMPONENTS))
    return [_status(name, settings) for name in (*COMPONENTS, *others)]


def _status(name: str, settings: Settings) -> Status:
    home = settings.root
    log = home / "logs" / f"{name}.log"
    record = recorded(home, name)
    if record is None:
        orphans = processes.marked(home).get(name, [])
        pid = orphans[0].pid if orphans else None
        return Status(name, "leftover" if orphans else "stopped", pid, (), None, None, log)
    if name in COMPONENTS + ON_REQUEST:
        ready = component(name, settings).answers()
    else:
        ready = all(processes.accepts(settings.host, port) for port in record.ports)
    try:
        rss, since = record.process.memory_info().rss >> 20, record.process.create_time()
    except psutil.Error:
        return Status(name, "stopped", None, (), None, None, log)
    return Status(name, "ready" if ready else "starting", record.process.pid, record.ports, rss, since, log)


@contextmanager
def running(settings: Settings, components: Sequence[str] = COMPONENTS) -> Iterator[dict[str, Service]]:
    """The components for the length of a block.

    At its end, on an error, Ctrl-C or SIGTERM alike, everything stops that was started meanwhile under this HOME, other
    services included; what ran before the block goes on.
    """
    services = {name: component(name, settings) for name in components}
    before = [name for name in names(settings.root) if recorded(settings.root, name)]
    with interruptible():
        try:
            up(list(services.values()))
            yield services
        finally:
            with uninterrupted():
                down(settings, keep=before)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block like Ctrl-C, so that it can clean up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up takes seconds: a second Ctrl-C must not leave half of it behind."""
    with _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers, *numbers: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread is ever interrupted
        yield
        return
    previous = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if previous[number] is not signal.SIG_IGN:  # under nohup a closed terminal means nothing
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Two commands that start or stop services of one HOME do it one after the other."""
    folder = home / "pids"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
