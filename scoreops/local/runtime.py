"""Which components there are, and how they come up and go down together."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.local.service import Service, stop

COMPONENTS: Final = ("kafka", "valkey", "mlflow")


def component(name: str, settings: Settings) -> Service:
    """The service called `name`. Raises Unsupported for another name."""
    if name not in COMPONENTS:
        raise Unsupported(f"{name!r} is not one of {', '.join(COMPONENTS)}")
    made: Service = import_module(f"scoreops.local.{name}").service(settings)
    return made


def up(services: Sequence[Service]) -> None:
    """Start all at once and wait until each is ready; if one fails, stop what this call started."""
    idle = [service for service in services if service.process() is None]
    try:
        with ThreadPoolExecutor(len(services)) as pool:
            list(pool.map(_start, services))
    except BaseException:
        for service in idle:
            service.stop()
        raise


def _start(service: Service) -> None:
    service.start()
    service.wait()


def down(settings: Settings) -> list[str]:
    """Stop everything that has a pid file, newest first. Returns the names of what ran."""
    files = sorted((settings.root / "pids").glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
    return [file.stem for file in files if stop(file)]


@contextmanager
def running(settings: Settings, components: Sequence[str] = COMPONENTS) -> Iterator[dict[str, Service]]:
    """The components for the length of a block; stopped at its end, on an error, Ctrl-C or SIGTERM alike."""
    services = {name: component(name, settings) for name in components}
    previous = signal.getsignal(signal.SIGTERM)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        up(list(services.values()))
        yield services
    finally:
        down(settings)
        signal.signal(signal.SIGTERM, previous)
