"""Which processes of a cluster run, and how they are."""

from __future__ import annotations

from typing import NamedTuple

import psutil

from cluster.levels import LEVELS, services
from cluster.place import Place
from scoreops.local import processes
from scoreops.local.service import Service, names, recorded


class State(NamedTuple):
    """One component: `state` is ready, starting, stopped or leftover (a crash left parts of it behind)."""

    name: str
    state: str
    pid: int | None
    rss_mb: int | None


def runs(place: Place, name: str) -> bool:
    """Whether a component runs."""
    return recorded(place.home, name) is not None


def level(place: Place) -> str:
    """The level that the cluster has reached; empty when it is down."""
    try:
        found = (place.home / "level").read_text()
    except OSError:
        return ""
    return found if found in LEVELS else ""


def examine(place: Place) -> list[State]:
    """The components of the cluster's level, then whatever else is left of it; nothing when it is down."""
    reached = level(place)
    fake_nodes = runs(place, "kwok")
    known = {one.name: one for one in services(place, reached, fake_nodes=fake_nodes)} if reached else {}
    others = [name for name in names(place.home) if name not in known]
    return [*(_of(place, service) for service in known.values()), *(_left(place, name) for name in others)]


def _of(place: Place, service: Service) -> State:
    process = service.process()
    if process is None:
        return _left(place, service.name)
    try:
        rss = process.memory_info().rss >> 20
    except psutil.Error:
        return State(service.name, "stopped", None, None)
    return State(service.name, "ready" if service.answers() else "starting", process.pid, rss)


def _left(place: Place, name: str) -> State:
    orphans = processes.marked(place.home).get(name, [])
    return State(name, "leftover" if orphans else "stopped", orphans[0].pid if orphans else None, None)
