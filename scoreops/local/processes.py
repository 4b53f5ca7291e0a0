"""Processes and ports of this machine: which are ours, which are in the way, how they end.

Each process that a service starts carries a mark in its environment, and so does every descendant. The mark names the
HOME and the service, so that what a crash left behind is found even when its parent and its pid file are gone, and a
stranger that was given an old pid is never taken for ours.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "_SCOREOPS_SERVICE"
"""Environment variable that marks a process as part of a service."""
_POLL_S: Final = 0.05
_SETTLE_S: Final = 2.0
"""One that wrote a title over its environment never settles."""


def mark(home: Path, name: str) -> str:
    """What `MARK` holds in the processes of the service `name` of `home`."""
    return f"{home}:{name}"


def marked(home: Path) -> dict[str, list[psutil.Process]]:
    """Every living process of the services of `home`, by service, eldest first."""
    found: dict[str, list[tuple[float, psutil.Process]]] = {}
    for process in psutil.process_iter():
        try:
            place, _, name = process.environ().get(MARK, "").rpartition(":")
            if name and place == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.setdefault(name, []).append((process.create_time(), process))
        except (psutil.Error, OSError):  # gone meanwhile, or another user's
            continue
    return {name: [process for _, process in sorted(those, key=lambda p: p[0])] for name, those in found.items()}


def alive(process: psutil.Process) -> bool:
    """Whether any thread of it still runs, and so may hold a port; a child of this process that has ended is reaped."""
    try:
        process.wait(0)
    except psutil.TimeoutExpired:
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return bool(process.is_running() and not ended)
    except psutil.NoSuchProcess:
        pass
    return False


def environment(process: psutil.Process) -> dict[str, str]:
    """The environment of a process as soon as it can be read; {} when it has ended, or shows none.

    While a process turns into another program its environment looks empty.
    """
    deadline = time.monotonic() + _SETTLE_S
    try:
        while alive(process):
            found: dict[str, str] = process.environ()
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.001)
    except psutil.Error:  # it has ended already, or is another user's
        pass
    return {}


def send(processes: Sequence[psutil.Process], number: int) -> None:
    """Send a signal to those that still run."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until they have ended. Returns those that have not after `seconds`."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while (left := [process for process in left if alive(process)]) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return left


def end(home: Path, name: str, first: Sequence[psutil.Process], grace_s: float) -> bool:
    """Stop a service: SIGTERM to `first` (empty: to all of it), then to what is left, then SIGKILL.

    Args:
        home: HOME of the service.
        name: Its name.
        first: The processes that stop their own children, usually one.
        grace_s: How long `first` may take before it is killed.

    Returns:
        Whether there was anything to stop.
    """
    family = marked(home).get(name, [])
    chosen = [process for process in family if process in first] or family
    send(chosen, signal.SIGTERM)
    send(wait_gone(chosen, grace_s), signal.SIGKILL)
    left = marked(home).get(name, [])
    send(left, signal.SIGTERM)
    stubborn = wait_gone(left, 2.0)
    send(stubborn, signal.SIGKILL)
    wait_gone(stubborn, 5.0)
    return bool(family)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def holder(port: int) -> str:
    """Who holds `port`, for a message: pid and command line as far as this user may see them."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid is not None:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f"process {connection.pid} ({command[:100]})"
    except psutil.Error:
        pass
    return "a process that this user may not see"
