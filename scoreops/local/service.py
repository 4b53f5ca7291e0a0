"""One supervised process: started in its own session, probed until ready, found again, stopped for certain.

A pid file holds pid, start time and ports. A process is taken for ours only when pid, start time and the mark in its
environment agree. Services outlive the command that started them, which is why no supervisor is used that ends its
children with its own interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from scoreops.core.errors import NotReady
from scoreops.local import processes

_POLL_S: Final = 0.1


class Record(NamedTuple):
    """What the pid file of a running service says."""

    process: psutil.Process
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Service:
    """A process of the embedded runtime and how to tell that it is ready.

    `ready` is asked only while every port of `ports` accepts connections. `prepare` runs before each start and makes
    what the process needs; it must be safe to repeat. Output goes to HOME/logs/NAME.log. The process must leave its
    environment as it is: one that writes itself a title over it is not recognised.
    """

    name: str
    home: Path
    argv: Sequence[str]
    ready: Callable[[], bool]
    ports: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    start_s: float = 180.0
    stop_s: float = 15.0
    host: str = "127.0.0.1"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.home / "logs" / f"{self.name}.log"

    def process(self) -> psutil.Process | None:
        """The running process, or None."""
        record = recorded(self.home, self.name)
        return record.process if record else None

    def start(self) -> None:
        """Start it if it does not run. Raises NotReady when a port is taken."""
        if self.process() is not None:
            return
        processes.end(self.home, self.name, (), self.stop_s)
        self._check_ports()
        for folder in ("logs", "pids"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self.prepare()
        environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"} | dict(self.env)
        environment[processes.MARK] = processes.mark(self.home, self.name)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                list(self.argv),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        child.returncode = 0  # from here on psutil looks after it; Popen need not warn that it outlives this object
        process = psutil.Process(child.pid)
        record = {"pid": child.pid, "created": process.create_time(), "ports": self.ports}
        _pid_file(self.home, self.name).write_text(json.dumps(record))
        processes.environment(process)  # before that nobody could tell whose it is

    def _check_ports(self) -> None:
        for port in self.ports:
            if not processes.is_free(self.host, port):
                raise NotReady(
                    f"port {port} for {self.name} is taken by {processes.holder(port)}; stop it, or set "
                    "SCOREOPS_PORT_BASE to a number whose next hundred ports are free"
                )

    def wait(self) -> None:
        """Wait until it is ready. Raises NotReady with the end of its log when it died or took too long."""
        deadline = time.monotonic() + self.start_s
        while time.monotonic() < deadline:
            if self.process() is None:
                raise NotReady(f"{self.name} stopped while starting, see {self.log}:\n{self.tail()}")
            if self.answers():
                return
            time.sleep(_POLL_S)
        raise NotReady(f"{self.name} was not ready after {self.start_s:.0f} s, see {self.log}:\n{self.tail()}")

    def answers(self) -> bool:
        """Whether it is ready now."""
        return all(processes.accepts(self.host, port) for port in self.ports) and self.ready()

    def tail(self, size: int = 1500) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def stop(self) -> None:
        """End it and all that it started, politely at first."""
        stop(self.home, self.name, self.stop_s)

    def kill(self) -> None:
        """SIGKILL at once, as a crash would."""
        family = processes.marked(self.home).get(self.name, [])
        processes.send(family, signal.SIGKILL)
        processes.wait_gone(family, 10)


def python(*arguments: str) -> list[str]:
    """Command line of a Python module or script in this very environment."""
    return [sys.executable, *arguments]


def _pid_file(home: Path, name: str) -> Path:
    return home / "pids" / f"{name}.json"


def recorded(home: Path, name: str) -> Record | None:
    """The running process that the pid file of `name` means; None if there is none, or if it is a stranger by now."""
    try:
        record = json.loads(_pid_file(home, name).read_text())
        process = psutil.Process(record["pid"])
        if abs(process.create_time() - record["created"]) >= 1:
            return None
        ours = processes.environment(process).get(processes.MARK) == processes.mark(home, name)
        return Record(process, tuple(record["ports"])) if ours else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def names(home: Path) -> list[str]:
    """Services of `home` that run or have left something behind, the newest first."""
    files = sorted((home / "pids").glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    listed = [file.stem for file in files]
    return [*listed, *sorted(set(processes.marked(home)) - set(listed))]


def stop(home: Path, name: str, stop_s: float = 15.0) -> bool:
    """Stop the service `name` of `home`, orphans included. Returns whether there was anything to stop."""
    record = recorded(home, name)
    stopped = processes.end(home, name, [record.process] if record else [], stop_s)
    _pid_file(home, name).unlink(missing_ok=True)
    return stopped
