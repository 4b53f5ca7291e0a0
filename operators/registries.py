"""What the registry says about every model: asked by one thread for all rollouts, and known for a short while.

A registry that is away costs the loops nothing: its last answer grows old, and then there is none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Final

import structlog

from operators.api.rollout import Mlflow
from scoreops.adapters.kube import Around
from scoreops.adapters.registry import CHAMPION, PREVIOUS, Registry
from scoreops.core.errors import FenceMoved, NotFound, NotReady, ScoreOpsError
from scoreops.core.rollout_status import Version
from scoreops.core.rollout_world import Registry as Seen

POLL_S: Final = 3.0
_OLD_S: Final = 15.0
_SHARE: Final = 20
"""So many times as long as the registry needed for an answer it is left alone."""
_log = structlog.get_logger("operators.registries")
Aliases = Mapping[str, int]


class Registries:
    """The aliases of all models. `changed` is called with the name of a model whose aliases moved."""

    def __init__(
        self,
        registry: Registry | None,
        changed: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        around: Around = nullcontext,
    ) -> None:
        self._registry, self._changed, self._clock, self._around = registry, changed, clock, around
        self._models: dict[str, Aliases] = {}
        self._at: float | None = None
        self._digests: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop` is set."""
        while not stop.is_set():
            began = self._clock()
            self.poll()
            stop.wait(max(POLL_S, _SHARE * (self._clock() - began)) if self._registry else POLL_S)

    def poll(self) -> None:
        """Ask once."""
        if self._registry is None:
            return
        try:
            found = self._registry.all_aliases()
        except ScoreOpsError as error:
            _log.warning("the registry is away", why=str(error))
            return
        except Exception:  # noqa: BLE001 - one answer that nobody understands must not be the last question
            _log.exception("the registry could not be asked")
            return
        with self._lock:
            before, self._models, self._at = self._models, dict(found), self._clock()
        for model in before.keys() | found.keys():
            if before.get(model) != found.get(model):
                self._changed(model)

    def state(self, source: Mlflow) -> Seen | None:
        """What a rollout sees; None while the registry is away."""
        with self._lock:
            if self._at is None or self._clock() - self._at > _OLD_S:
                return None
            aliases = self._models.get(source.model, {})
        names = {alias: str(number) for alias, number in aliases.items()}
        wanted = source.version or names.get(source.alias or "")
        try:
            candidate = self._version(source.model, wanted) if wanted else None
        except ScoreOpsError:
            return None
        return Seen(candidate, names.get(CHAMPION), names.get(PREVIOUS))

    def move(self, model: str, alias: str, version: str | None, expected: str | None) -> None:
        """Compare and set an alias. Raises FenceMoved if somebody else moved it, NotReady."""
        if self._registry is None:
            raise NotReady("no registry is configured")
        now = self._registry.aliases(model).get(alias)
        if (str(now) if now is not None else None) != expected:
            raise FenceMoved(f"{alias} of {model} names {now}, not {expected}")
        with self._around(f"alias {alias} of {model}"):
            if version is None:
                self._registry.drop_alias(model, alias)
            else:
                self._registry.set_alias(model, alias, int(version))
        fresh = self._registry.aliases(model)
        with self._lock:
            self._models[model] = fresh

    def _version(self, model: str, number: str) -> Version | None:
        """A version with its digest, which never changes. None if there is no such version."""
        known = self._digests.get((model, number))
        if known is None:
            if self._registry is None:
                return None
            try:
                known = self._registry.digest_of(model, number)
            except NotFound:
                return None
            self._digests[model, number] = known
        return Version(version=number, digest=known)
