"""Which versions of which models answer now. A line-up is replaced as a whole, so a request sees one or the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from predictors.served import Served
from scoreops.adapters.registry import CANDIDATE, CHAMPION, PREVIOUS
from scoreops.core.errors import NotFound, NotReady

HELD: Final = (CHAMPION, CANDIDATE, PREVIOUS)
"""Aliases whose versions are held in memory. The champion answers where no version is named."""


class Entry(NamedTuple):
    """A loaded version and the alias it goes by ("" for none)."""

    served: Served
    alias: str


@dataclass(frozen=True)
class Lineup:
    """The versions of one model, immutable. `failed` maps a version that was refused to the reason."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    unloaded: bool = False
    """Whether somebody wants it not to answer."""
    absent: bool = False
    """Whether the source knows no model of this name."""

    @property
    def ready(self) -> bool:
        """Whether there is a champion."""
        return "" in self.entries

    @property
    def versions(self) -> list[str]:
        """Versions that answer."""
        return sorted({entry.served.version for entry in self.entries.values()}, key=version_order)

    def aliases_of(self, version: str) -> list[str]:
        """Aliases under which `version` answers."""
        found = {e.alias for key, e in self.entries.items() if key == e.alias and e.served.version == version}
        return sorted(found, key=_rank)


def lineup(
    loaded: Mapping[str, Served],
    aliases: Mapping[str, str],
    failed: Mapping[str, str],
    problem: str = "",
    held: Iterable[str] = (),
) -> Lineup:
    """A line-up of `loaded` versions; `aliases` that point at others are left out. Keys: "", aliases, versions.

    Versions that are `held` answer by their number, also without an alias.
    """
    entries = {version: Entry(loaded[version], "") for version in held if version in loaded}
    for alias in sorted(aliases, key=_rank, reverse=True):
        version = aliases[alias]
        if version in loaded:
            entries[version] = entries[alias] = Entry(loaded[version], alias)
    if CHAMPION in entries:
        entries[""] = entries[CHAMPION]
    return Lineup(entries, dict(failed), problem)


def _rank(alias: str) -> tuple[int, str]:
    return (HELD.index(alias) if alias in HELD else len(HELD), alias)


def version_order(version: str) -> tuple[int, int, str]:
    """Numbers by value, after everything else by name: no copy of a folder under another name gets before them."""
    return (1, int(version), "") if version.isdecimal() else (0, 0, version)


class Lineups:
    """The line-up of each model. One thread at a time may `put`; everybody may `find`."""

    def __init__(self, models: Iterable[str], *, every: bool = True) -> None:
        """`every`: each model is wanted; otherwise those that the source knows, one at least."""
        self._of: dict[str, Lineup] = {name: Lineup() for name in models}
        self._every = every

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that this server is for."""
        return tuple(self._of)

    def waiting(self) -> dict[str, str]:
        """The models that are wanted and do not answer yet, each with the reason."""
        silent = {name: line for name, line in self._of.items() if not (line.ready or line.unloaded)}
        some = len(silent) < len(self._of)
        wanted = {name: line for name, line in silent.items() if self._every or not (some and line.absent)}
        return {name: line.problem or "loading" for name, line in wanted.items()}

    def put(self, model: str, new: Lineup) -> None:
        """Let `new` answer from the next request on."""
        self._of[model] = new

    def of(self, model: str) -> Lineup:
        """The line-up of `model`. Raises NotFound."""
        found = self._of.get(model)
        if found is None:
            raise NotFound(f"no model {model[:80]!r}; this server is for {', '.join(self._of)}")
        return found

    def find(self, model: str, version: str) -> Entry:
        """The bundle for a request: "" is the champion, else a version or an alias. Raises NotFound, NotReady."""
        line = self.of(model)
        entry = line.entries.get(version)
        if entry is not None:
            return entry
        if not line.ready:
            raise NotReady(f"{model} is not ready: {line.problem or 'its bundle is being loaded'}")
        if version in line.failed:
            raise NotReady(f"{model} version {version} was refused: {line.failed[version]}")
        raise NotFound(f"{model} has no version {version[:80]!r} here; it has {', '.join(line.versions)}")
