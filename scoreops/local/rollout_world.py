"""The surroundings of one rollout in the embedded profile: the server's split, the registry, and the book.

The split stands where the route stands in a cluster, a version that the server holds where a service does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Final

import structlog

from operators.loop import Gates
from scoreops.adapters.registry import CHAMPION, PREVIOUS, Registry
from scoreops.adapters.rollout_book import Kept, RolloutBook, Told
from scoreops.adapters.split_file import SplitFiles
from scoreops.core.errors import NotReady
from scoreops.core.rollout_status import Status, Version
from scoreops.core.rollout_world import (
    Act,
    AnswerAction,
    ApplyService,
    EvaluateGates,
    Notify,
    Observed,
    Requests,
    Retire,
    Route,
    Service,
    SetAlias,
    SetWeight,
)
from scoreops.core.rollout_world import Registry as Aliases
from scoreops.local.rollout_counts import Counts
from scoreops.local.rollout_server import ModelServer, Said, requests_of

_log: Final = structlog.get_logger("scoreops.rollout")


class LocalWorld:
    """See operators.loop.World. `observe` raises NotReady while the prediction server is away: nobody has traffic then,
    and nothing is decided.
    """

    def __init__(
        self,
        book: RolloutBook,
        files: SplitFiles,
        registry: Registry,
        server: ModelServer,
        counts: Counts,
        gates: Gates,
        clock: Callable[[], datetime],
    ) -> None:
        self.model = server.model
        self._book, self._files, self._registry, self._server = book, files, registry, server
        self._counts, self._gates, self._clock = counts, gates, clock
        self._kept: Kept | None = None
        self._observed: Observed | None = None
        self._champion = ""
        self._pool = ThreadPoolExecutor(1, "gates")
        self._asked: dict[str, Future[None]] = {}

    def observe(self) -> Observed:
        """A fresh look at everything."""
        kept = self._kept = self._book.read(self.model)
        said = self._server.look()
        self._champion = said.champion
        split = self._files.read(self.model)
        if split.weights and split.beside != said.champion:  # it is over: another champion was chosen since
            split = self._files.write(self.model, lambda now: now.routing("", {}, {}), split.revision)
        asked = kept.status.asked
        found = self._book.evaluation(self.model, asked.id) if asked else None
        self._observed = Observed(
            status=kept.status,
            plan=kept.plan,
            generation=kept.generation,
            registry=self._aliases(kept),
            services=_services(said, {*split.held, *said.weights, *said.mirror}, kept.status),
            route=Route(said.weights, said.mirror, str(split.revision)),
            requests=self._requests(kept, said),
            evaluations=(found,) if found else (),
            actions=self._book.actions(self.model),
            notified=frozenset(one.id for one in self._book.told(self.model)),
        )
        return self._observed

    def write(self, status: Status) -> None:
        """Store the status over the revision of the last look. Raises FenceMoved."""
        assert self._kept is not None
        self._book.write(self.model, status, self._kept.revision)

    def act(self, act: Act) -> None:
        """Do it."""
        match act:
            case SetWeight():
                self._set_weight(act)
            case ApplyService(version=version):
                self._hold(lambda held: (*held, version.version))
            case Retire(version=name):
                self._hold(lambda held: tuple(one for one in held if one != name))
            case SetAlias():
                self._set_alias(act)
            case EvaluateGates():
                self._evaluate(act)
            case AnswerAction():
                self._book.answer(act.id, accepted=act.accepted, why=act.why)
            case Notify():
                if self._book.tell(self.model, Told(act.id, self._clock(), act.reason, act.message)):
                    _log.info("notice", model=self.model, reason=act.reason, message=act.message)
            case _:  # Release: nothing is deleted here
                raise AssertionError(act)

    def close(self) -> None:
        """Wait for gates that are being evaluated."""
        self._pool.shutdown(cancel_futures=True)
        self._server.close()
        self._registry.close()

    def _aliases(self, kept: Kept) -> Aliases | None:
        try:
            found = self._registry.aliases(self.model)
        except NotReady:
            return None
        named = {alias: str(number) for alias, number in found.items()}
        candidate = Version(version=kept.version, digest=kept.digest)
        return Aliases(candidate, named.get(CHAMPION), named.get(PREVIOUS))

    def _requests(self, kept: Kept, said: Said) -> Requests | None:
        attempt = kept.status.attempt
        try:
            counted = self._server.metrics()
        except NotReady:
            return None
        self._counts.keep(self._clock(), counted, kept)
        if attempt is None:
            return Requests(0, 0)
        return requests_of(counted, said, attempt.candidate.version)

    def _set_weight(self, act: SetWeight) -> None:
        """All to the champion is no split at all."""
        plain = dict(act.weights) == {self._champion: 100} and not act.mirror
        beside, weights = ("", {}) if plain else (self._champion, dict(act.weights))
        self._files.write(self.model, lambda now: now.routing(beside, weights, act.mirror), int(act.expected))

    def _hold(self, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        def held(now: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(change(now)))

        self._files.write(self.model, lambda now: now.holding(*held(now.held)))

    def _set_alias(self, act: SetAlias) -> None:
        """MLflow compares nothing by itself: who moves the alias between this look and the write is overwritten."""
        number = self._registry.aliases(self.model).get(act.alias)
        if (str(number) if number else None) != act.expected:
            return  # the next look sees who moved it
        if act.version is None:
            self._registry.drop_alias(self.model, act.alias)
        else:
            self._registry.set_alias(self.model, act.alias, int(act.version))

    def _evaluate(self, act: EvaluateGates) -> None:
        """In the background: a gate may wait for a registry that is away, and the way back must not."""
        under_way = self._asked.get(act.id)
        if self._book.evaluation(self.model, act.id) or (under_way and not under_way.done()):
            return
        assert self._observed is not None
        self._asked = {act.id: self._pool.submit(self._judge, act, self._observed)}

    def _judge(self, act: EvaluateGates, observed: Observed) -> None:
        try:
            self._book.keep(self.model, self._gates(act, observed, self._clock()))
        except Exception:  # it is asked again, and what is missing until then is Unknown
            _log.exception("gates could not be evaluated", model=self.model, id=act.id)
            raise


def _services(said: Said, names: set[str], status: Status) -> tuple[Service, ...]:
    """Versions that are wanted on the server, as it has them."""
    attempt = status.attempt
    pinned = [status.stable, *((attempt.candidate, attempt.stable) if attempt else ())]
    known: Mapping[str, Version] = {one.version: one for one in pinned if one is not None}
    return tuple(_service(said, name, known.get(name)) for name in sorted(names))


def _service(said: Said, name: str, known: Version | None) -> Service:
    digest = said.digests.get(name, "")
    version = known or Version(version=name, digest=digest)
    if digest and digest != version.digest:
        return Service(version, ready=False, failed=f"the server holds a bundle {digest}, not {version.digest}")
    if not digest:
        return Service(version, ready=False, failed=said.failed.get(name, ""))
    return Service(version, ready=True, reported=name)
