"""One supervised process: started in its own session, probed until ready, found again, stopped for certain.

A pid file holds pid, start time and command line, so that a process is only ever recognised as ours when all agree;
a stranger that got the same pid is left alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scoreops.core.errors import NotReady

_POLL_S = 0.05


def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def holder(port: int) -> str:
    """Who listens on `port`, for an error message."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except (psutil.Error, TypeError):
                return "a process of another user"
    return "nobody that can be seen"


@dataclass(frozen=True)
class Service:
    """A process of the embedded runtime and how to tell that it is ready."""

    name: str
    home: Path
    argv: Sequence[str]
    ready: Callable[[], bool]
    ports: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    start_s: float = 90.0
    stop_s: float = 15.0

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.home / "logs" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Where pid, start time and command line are kept."""
        return self.home / "pids" / f"{self.name}.json"

    def process(self) -> psutil.Process | None:
        """The running process, or None."""
        return _alive(self.pid_file)

    def start(self) -> None:
        """Start it if it does not run. Raises NotReady when a port is taken."""
        if self.process() is not None:
            return
        for port in self.ports:
            if accepts("127.0.0.1", port):
                raise NotReady(
                    f"port {port} for {self.name} is taken by {holder(port)}; stop it or set SCOREOPS_PORT_BASE"
                )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.prepare()
        environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"} | dict(self.env)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                list(self.argv),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        process = psutil.Process(child.pid)
        record = {"pid": child.pid, "created": process.create_time()}
        self.pid_file.write_text(json.dumps(record))

    def wait(self) -> None:
        """Wait until it is ready. Raises NotReady with the end of its log when it died or took too long."""
        deadline = time.monotonic() + self.start_s
        while time.monotonic() < deadline:
            if self.process() is None:
                raise NotReady(f"{self.name} stopped while starting:\n{self.tail()}")
            if self.ready():
                return
            time.sleep(_POLL_S)
        raise NotReady(f"{self.name} was not ready after {self.start_s:.0f} s:\n{self.tail()}")

    def tail(self, size: int = 1500) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def stop(self) -> None:
        """SIGTERM, then SIGKILL, to it and what it started."""
        stop(self.pid_file, self.stop_s)

    def kill(self) -> None:
        """SIGKILL at once, as a crash would."""
        process = self.process()
        if process is not None:
            _signal([process, *process.children(recursive=True)], signal.SIGKILL)
            process.wait(10)


def _alive(pid_file: Path) -> psutil.Process | None:
    try:
        record = json.loads(pid_file.read_text())
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["created"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return process if same else None


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def stop(pid_file: Path, stop_s: float = 15.0) -> bool:
    """Stop the process that `pid_file` names. Returns whether there was one."""
    process = _alive(pid_file)
    if process is not None:
        family = [process, *process.children(recursive=True)]
        _signal([process], signal.SIGTERM)
        _, stubborn = psutil.wait_procs(family, timeout=stop_s)
        _signal(stubborn, signal.SIGKILL)
        psutil.wait_procs(stubborn, timeout=5)
    pid_file.unlink(missing_ok=True)
    return process is not None
