"""How a cluster comes up and goes down, and how it is."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster import cgroups, containerd, debian, ground, kubeconfig, pki
from cluster.images import of_level, reference
from cluster.levels import LEVELS, Step, prepare, services, steps
from cluster.place import Place
from cluster.state import Reached, note, reached
from scoreops.core.errors import NotReady, Refused
from scoreops.local import processes
from scoreops.local.runtime import interruptible, uninterrupted
from scoreops.local.service import recorded, stop

Tell = Callable[[str], None]
_KEPT: Final = ("logs", "containerd")
"""Folders of home that outlive the cluster: what was written down, until the next one begins, and images."""


def up(place: Place, level: str, *, fake_nodes: bool, tell: Tell) -> bool:
    """Bring the cluster to a level and wait until it is ready.

    What runs already is left alone; what has died is started again; a cluster whose store has died begins anew. If a
    new cluster fails to come up, or on Ctrl-C, nothing of it stays but its logs.

    Args:
        place: Which cluster.
        level: One of `LEVELS`; each contains those before it.
        fake_nodes: Also kwok, which plays the kubelet of nodes that do not exist.
        tell: Is told what happens next.

    Returns:
        Whether there was anything to do.

    Raises:
        NotReady: Something is missing, or a component does not come up.
        Refused: Another checkout has a cluster of this name.
    """
    debian.check(api_only=LEVELS.index(level) < LEVELS.index("node"))
    prepare(level, fake_nodes=fake_nodes, tell=tell)
    with interruptible(), _only_one(place):
        _check_owner(place)
        begun = _alive(place)
        goal = Reached(level, tuple(map(reference, of_level(level)))).beside(reached(place) if begun else None)
        if begun and reached(place) == goal and _whole(place, goal.level, fake_nodes=fake_nodes):
            return False
        try:
            if not begun:
                _begin(place, tell)
            _take(place, steps(place, goal.level, fake_nodes=fake_nodes), tell)
        except BaseException:
            if not begun:
                with uninterrupted():
                    _wipe(place)
            raise
        note(place, goal)
    return True


def down(place: Place) -> bool:
    """End the cluster, or what a crash left of it. Returns whether there was anything.

    Raises Refused when another checkout has a cluster of this name.
    """
    debian.check(api_only=True)
    with interruptible(), _only_one(place):
        found = ground.exists(place) or bool(processes.marked(place.home)) or place.volatile.exists()
        _check_owner(place)
        with uninterrupted():
            _wipe(place)
    return found


def _alive(place: Place) -> bool:
    return ground.exists(place) and recorded(place.home, "etcd") is not None


def _whole(place: Place, level: str, *, fake_nodes: bool) -> bool:
    wanted = services(place, level, fake_nodes=fake_nodes)
    return all(service.process() is not None and service.answers() for service in wanted)


def _begin(place: Place, tell: Tell) -> None:
    tell("network, mounts and keys")
    _wipe(place)
    shutil.rmtree(place.logs, ignore_errors=True)
    place.logs.mkdir(parents=True)
    ground.make(place)
    cgroups.make(place)
    pki.make(place)
    kubeconfig.administrator(place)


def _take(place: Place, whole: Sequence[Step], tell: Tell) -> None:
    for step in whole:
        tell(step.name)
        for service in step.services:
            service.start()
        step.meanwhile(place)
        for service in step.services:
            service.wait()
        step.then(place)


def _wipe(place: Place) -> None:
    """End every process, remove both namespaces and the cgroups, forget the state. Safe to repeat, and on nothing."""
    stop(place.home, "kubelet", 0.0)  # first, or it would start again what is ended next
    cgroups.end(place)
    containerd.clear(place)
    family = [process for those in processes.marked(place.home).values() for process in those]
    processes.send(family, signal.SIGKILL)
    if left := processes.wait_gone(family, 10.0):
        raise NotReady(f"processes {[process.pid for process in left]} of the cluster do not end")
    ground.remove(place)
    for path in place.home.glob("*"):
        if path.name in _KEPT:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_owner(place: Place) -> None:
    """Raises Refused when the cluster of this name is another checkout's and runs."""
    try:
        other = Path(place.owner.read_text().strip())
    except OSError:
        return
    if other != place.home and processes.marked(other):
        raise Refused(
            f"cluster {place.name} is up from {other.parents[1]}; bring it down there, or choose another CLUSTER_NAME"
        )


@contextmanager
def _only_one(place: Place) -> Iterator[None]:
    """One command at a time starts or stops the cluster of a name, on the whole machine."""
    place.lock.parent.mkdir(parents=True, exist_ok=True)
    with place.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = place.lock.read_text().strip() or "another process"
            raise NotReady(f"process {holder} is starting or stopping cluster {place.name}") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
