"""The cgroups that hold the pods: made before the kubelet starts, and how every process of a pod is found and ended.

They vanish while one looks at them; `os.walk` takes that for nothing, where `Path.glob` gives up.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster.place import Place
from scoreops.core.errors import NotReady

_MOUNTED: Final = Path("/sys/fs/cgroup")
_UNIFIED: Final = _MOUNTED / "cgroup.controllers"
_LIMIT_S: Final = 20.0
_POLL_S: Final = 0.02


def hierarchies() -> list[Path]:
    """One with cgroup v2, one for each controller with v1."""
    if _UNIFIED.exists():
        return [_MOUNTED]
    return [file.parent for file in sorted(_MOUNTED.glob("*/cgroup.procs"))]


def roots(place: Place) -> list[Path]:
    """The pods' parent in each hierarchy."""
    return [hierarchy / place.cgroup.lstrip("/") for hierarchy in hierarchies()]


def make(place: Place) -> None:
    """Make the pods' parent; the kubelet wants it to be there."""
    if _UNIFIED.exists():
        wanted = " ".join(f"+{name}" for name in _UNIFIED.read_text().split())
        (_MOUNTED / "cgroup.subtree_control").write_text(wanted)
    for folder in roots(place):
        folder.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # with v1 a new cpuset has none, and takes no process
            if (folder / file).exists() and not _UNIFIED.exists():
                (folder / file).write_text((folder.parent / file).read_text())


def processes(place: Place) -> set[int]:
    """Every process of a pod."""
    return {pid for folder in roots(place) for pid in _pids(folder)}


def end(place: Place) -> None:
    """End every process of a pod at once, then remove the cgroups. Raises NotReady when one does not go."""
    deadline = time.monotonic() + _LIMIT_S
    while (left := processes(place)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_POLL_S)
    if left:
        raise NotReady(f"processes {sorted(left)} of pods do not end")
    for folder in roots(place):
        _remove(folder, deadline)


def _pids(folder: Path) -> Iterator[int]:
    for below, _, _ in os.walk(folder):
        try:
            yield from map(int, Path(below, "cgroup.procs").read_text().split())
        except OSError:  # it went away meanwhile
            continue


def _remove(folder: Path, deadline: float) -> None:
    """Remove a cgroup and those below it; the kernel may take a moment to let go of one."""
    while folder.exists():
        for below, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                Path(below).rmdir()
        if folder.exists():
            if time.monotonic() > deadline:
                raise NotReady(f"cgroup {folder} cannot be removed")
            time.sleep(_POLL_S)
