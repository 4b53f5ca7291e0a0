"""Which processes of a cluster run, and how they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import psutil

from cluster import discovery, prometheus
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


class Reached(NamedTuple):
    """What a cluster has come to: its level, and the images that its manifests name."""

    level: str
    images: tuple[str, ...]

    def beside(self, before: Reached | None) -> Reached:
        """The higher one of this and what was reached before, with the images of this one."""
        if before is None or LEVELS.index(before.level) <= LEVELS.index(self.level):
            return self
        return Reached(before.level, self.images or before.images)


def reached(place: Place) -> Reached | None:
    """What the cluster has come to; None when it is down, or on its way."""
    try:
        level, images = json.loads(_note(place).read_text())
    except (OSError, ValueError):
        return None
    return Reached(level, tuple(images))


def note(place: Place, what: Reached) -> None:
    """Write down what the cluster has come to."""
    _note(place).write_text(json.dumps(what))


def _note(place: Place) -> Path:
    return place.home / "reached.json"


def examine(place: Place) -> list[State]:
    """The components of the cluster's level, then whatever else is left of it; nothing when it is down."""
    come, fake_nodes = reached(place), runs(place, "kwok")
    known = {one.name: one for one in services(place, come.level, fake_nodes=fake_nodes)} if come else {}
    if known and runs(place, "prometheus"):
        known |= {"discovery": discovery.service(place), "prometheus": prometheus.service(place)}
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
