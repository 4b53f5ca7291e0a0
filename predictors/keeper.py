"""Keeps the line-ups equal to what the source says. A bundle that is refused never answers; the one before goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import structlog

from predictors.lineup import HELD, Lineup, Lineups, lineup
from predictors.loading import load_bundle
from predictors.metrics import Metrics
from predictors.served import Served
from predictors.sources import Source
from scoreops.adapters.registry import CHAMPION
from scoreops.catalog import Score
from scoreops.core.errors import BadInput, NotFound, NotReady, Refused, ScoreOpsError

MAX_WAIT_S: Final = 5.0
"""Longest pause between two looks at a source that does not answer."""
_log: Final = structlog.get_logger("predictors.keeper")


class Keeper:
    """Fetches, checks and swaps. Its methods block: call them from a thread."""

    def __init__(
        self,
        source: Source,
        scores: Mapping[str, Score | None],
        lineups: Lineups,
        metrics: Metrics,
        held: Callable[[str], Collection[str]] = lambda _model: (),
    ) -> None:
        """`held` names versions of a model that are wanted beside those that have an alias."""
        self._source = source
        self._scores = scores
        self._lineups = lineups
        self._metrics = metrics
        self._held = held
        self._unloaded: set[str] = set()
        self._turn = threading.Lock()

    def refresh(self, model: str, *, again: bool = False) -> Lineup:
        """Bring the line-up of `model` up to date and return it.

        `again` also loads what was unloaded, refused, or may have changed. Raises NotReady when the source, or one of
        the bundles, is out of reach; what can answer does so by then. A bundle's faults stand in the line-up.
        """
        with self._turn:
            now = self._lineups.of(model)
            if again:
                self._unloaded.discard(model)
            if model in self._unloaded:
                return now
            away: NotReady | None = None
            try:
                found = self._source.aliases(model)
                new, away = self._next(model, now, {a: v for a, v in found.items() if a in HELD}, again=again)
            except NotFound as error:
                new = replace(now, problem=str(error), unloaded=False, absent=not now.entries)
            except NotReady as error:
                new, away = replace(now, problem=str(error), unloaded=False), error
            self._put(model, now, new)
            if away is not None:
                raise away
            return new

    def unload(self, model: str) -> None:
        """Stop answering for `model` until it is loaded again. Raises NotFound."""
        with self._turn:
            now = self._lineups.of(model)
            self._unloaded.add(model)
            self._put(model, now, Lineup(problem="it was unloaded", unloaded=True))

    async def watch(self, every_s: float) -> None:
        """Refresh all models every `every_s` seconds, for ever; less often while the source does not answer."""
        wait = every_s
        while True:
            wait = every_s if await self.look() else min(max(2 * wait, every_s), MAX_WAIT_S)
            await asyncio.sleep(wait)

    async def look(self) -> bool:
        """Refresh every model. Returns whether the source answered for all of them."""
        return all([await self._look(model) for model in self._lineups.models])

    async def _look(self, model: str) -> bool:
        """Refresh one model, whatever happens to the others. Returns whether the source answered."""
        try:
            await asyncio.to_thread(self.refresh, model)
        except NotReady as error:
            _log.warning("source out of reach", model=model, reason=str(error))
            return False
        except Exception:  # noqa: BLE001 - the watch must outlive whatever a source can say
            _log.exception("a refresh failed", model=model)
        return True

    def _next(
        self, model: str, now: Lineup, aliases: Mapping[str, str], *, again: bool
    ) -> tuple[Lineup, NotReady | None]:
        """The line-up as it can be now, and what is out of reach."""
        away: NotReady | None = None
        loaded = {entry.served.version: entry.served for entry in now.entries.values()}
        wanted = {*aliases.values(), *self._held(model)}
        failed = {version: why for version, why in now.failed.items() if version in wanted}
        for version in sorted(wanted):
            known = version in loaded if self._source.immutable else version in loaded and not again
            if known or (version in failed and not again):
                continue
            try:
                loaded[version] = self._load(model, version)
                failed.pop(version, None)
            except (Refused, NotFound) as error:
                failed[version] = str(error)
            except NotReady as error:
                away = error
        pointed = {alias: version for alias, version in aliases.items() if version in loaded}
        champion = now.entries.get(CHAMPION)
        problem = str(away) if away else ""
        if CHAMPION not in pointed:
            problem = failed.get(aliases.get(CHAMPION, ""), problem or f"no version of {model} is its {CHAMPION}")
            if champion is not None:
                pointed[CHAMPION] = champion.served.version
        return lineup(loaded, pointed, failed, problem, self._held(model)), away

    def _load(self, model: str, version: str) -> Served:
        started = time.monotonic()
        outcome = "refused"
        try:
            served = load_bundle(model, self._scores[model], version, self._source.fetch(model, version))
            outcome = "ready"
        except NotReady:
            outcome = "unreachable"
            raise
        except ScoreOpsError as error:
            _log.error("bundle refused", model=model, version=version, reason=str(error))
            if isinstance(error, BadInput):  # of the source, about a file
                raise Refused(f"{model} version {version}: {error}") from error
            raise
        finally:
            took = time.monotonic() - started
            self._metrics.loads.labels(model, version, outcome).inc()
            self._metrics.load_seconds.labels(model).observe(took)
        _log.info("bundle loaded", model=model, version=version, digest=served.digest, seconds=round(took, 3))
        return served

    def _put(self, model: str, now: Lineup, new: Lineup) -> None:
        if _pointers(now) != _pointers(new):
            _log.info("line-up", model=model, aliases=_pointers(new), was=_pointers(now))
            for alias, version in _pointers(now).items():
                self._metrics.serving.labels(model, version, alias).set(0)
            for alias, version in _pointers(new).items():
                self._metrics.serving.labels(model, version, alias).set(1)
        if new.problem and new.problem != now.problem:
            _log.warning("line-up is not as wanted", model=model, reason=new.problem)
        self._lineups.put(model, new)


def _pointers(line: Lineup) -> dict[str, str]:
    return {key: entry.served.version for key, entry in line.entries.items() if key and key == entry.alias}
