"""Which version answers a request that names none: the champion, or by the weights of a split that is watched.

A split changes as a whole, between two requests. It never waits for a bundle or a registry, and gives nothing to a
version that is not loaded: its requests go to the champion.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from predictors.lineup import Entry, Lineups
from predictors.metrics import Metrics
from scoreops.adapters.split_file import SplitFiles
from scoreops.core.errors import BadInput
from scoreops.core.split import Split, point_of, shares_text

EMPTY: Final = Split()
_log: Final = structlog.get_logger("predictors.splitting")


class Chosen(NamedTuple):
    """Who answers, and what counts how it went, if a split chose it."""

    entry: Entry
    tally: Callable[[str], None] | None = None


class Splits:
    """The splits of all models; without `files` there are none."""

    def __init__(self, lineups: Lineups, metrics: Metrics, files: SplitFiles | None = None) -> None:
        self._lineups = lineups
        self._metrics = metrics
        self._files = files
        self._of: dict[str, Split] = {}
        self._stamps: dict[str, tuple[int, int] | None] = {}
        self._held: dict[str, int] = {}
        self._over: dict[str, int] = {}
        self.look()

    def look(self) -> None:
        """Read what has changed. A file that is no split changes nothing, one that cannot be opened is tried again."""
        if self._files is None:
            return
        for model in self._lineups.models:
            try:
                stamp = self._files.stamp(model)
                if stamp == self._stamps.get(model):
                    continue
                new = self._files.read(model)
            except OSError as error:
                _log.warning("a split cannot be opened; the one before goes on", model=model, reason=str(error))
                continue
            except BadInput as error:
                self._stamps[model] = stamp
                _log.warning("a split cannot be read; the one before goes on", model=model, reason=str(error))
                continue
            self._stamps[model] = stamp
            was = self.of(model)
            if new.revision < was.revision:  # somebody began anew, and its numbers mean something else now
                self._held.pop(model, None)
                self._over.pop(model, None)
            self._of[model] = new
            if (new.weights, new.mirror) != (was.weights, was.mirror):
                _log.info("split", model=model, weights=dict(new.weights), mirror=dict(new.mirror), was=was.weights)

    async def watch(self, every_s: float) -> None:
        """Look again every `every_s` seconds, for ever."""
        while self._files is not None:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.look)
            except Exception:  # noqa: BLE001 - one look that fails must not be the last
                _log.exception("the splits could not be looked at")

    def of(self, model: str) -> Split:
        """The split as it was last read, whether it still holds or not."""
        return self._of.get(model, EMPTY)

    def holding(self, model: str, champion: str) -> Split | None:
        """The split that holds beside `champion`, if there is one.

        One that held and is over stays over, though its champion may come back; a server that has not yet seen the
        champion which a split was made beside waits for it.
        """
        split = self._of.get(model)
        if split is None or not (split.weights or split.mirror) or self._over.get(model) == split.routed:
            return None
        if split.beside == champion:
            self._held[model] = split.routed
            return split
        if self._held.get(model) == split.routed:
            self._over[model] = split.routed
        return None

    def find(self, model: str, version: str, request_id: str | None) -> Chosen:
        """Who answers: `version`, a version or alias, or "" for whom the split says. Raises NotFound, NotReady."""
        entry = self._lineups.find(model, version)
        split = self.holding(model, entry.served.version) if self._of and not version else None
        if split is None or not split.weights:
            return Chosen(entry)
        point = random.random() * 100 if request_id is None else point_of(model, request_id)
        name = split.version_at(point)
        chosen = self._lineups.of(model).entries.get(name, entry)
        counter, own = self._metrics.split_requests, (model, chosen.served.version, str(split.routed))
        return Chosen(chosen, lambda outcome: counter.labels(*own, outcome).inc())

    def mirror(self, model: str) -> tuple[str, int] | None:
        """The version that is shown requests of others, and how many percent of them."""
        champion = self._lineups.of(model).entries.get("") if self._of else None
        split = self.holding(model, champion.served.version) if champion else None
        return next(iter(split.mirror.items()), None) if split else None

    def told(self, model: str, champion: str) -> dict[str, str]:
        """What the model's metadata say: the shares that hold now, and the revision that was read."""
        if self._files is None:
            return {}
        split = self.holding(model, champion)
        shown = {"weights": shares_text(split.weights), "mirror": shares_text(split.mirror)} if split else {}
        routed = {"split": str(split.routed)} if split else {}
        return {name: text for name, text in shown.items() if text} | routed | {"split_revision": self.revision(model)}

    def revision(self, model: str) -> str:
        """Which revision was read last."""
        return str(self.of(model).revision)
