"""Runs the loops of all rollouts in a bounded number of threads."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from operators.build.names import FUSIONS
from operators.fusing import FusionWorld
from operators.loop import Look, settle
from operators.metrics import OperatorMetrics
from operators.parts import Parts
from operators.schedule import Schedule
from operators.world import KubeWorld
from scoreops.core.errors import FenceMoved, NotReady, ScoreOpsError
from scoreops.core.rollout_table import RESTING

_FUSION = "fusion:"
_log = structlog.get_logger("operators.host")


def quiet(look: Look) -> bool:
    """Whether nothing can happen to a rollout that no event would tell of: it is at rest, and nothing is left to do.

    Then it needs no look of its own every half minute; the API server's events and the registry's changes wake it.
    """
    status, observed = look.decision.status, look.observed
    told = all(answer.told for answer in status.answers)
    settled = status.traffic.settled or status.attempt is None
    rests = status.phase in RESTING and told and settled and not status.notices
    return rests and len(observed.services) <= 1 and observed.registry is not None and observed.plan is not None


class Host:
    """Keys are `namespace/name`, of a fusion `fusion:namespace/name`. Waking a key that is nobody's is harmless."""

    def __init__(self, parts: Callable[[Callable[[str], None]], Parts], metrics: OperatorMetrics) -> None:
        self.schedule = Schedule()
        self.parts = parts(self.schedule.wake)
        self._metrics = metrics
        self._worlds: dict[str, KubeWorld] = {}
        self._models: defaultdict[str, set[str]] = defaultdict(set)
        self._fusions: defaultdict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work. Fusions are known before the first rollout moves. Raises NotReady."""
        for namespace in self.parts.settings.watch or (None,):
            for body in self.parts.kube.list(FUSIONS, namespace):
                self.fusion_seen(body["metadata"]["namespace"], body["metadata"]["name"], ())
        for number in range(self.parts.settings.workers):
            thread = threading.Thread(target=self._run, name=f"loop-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, within_s: float = 10.0) -> None:
        """Begin nothing more, and wait for what is under way."""
        self.schedule.close()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        self.parts.evaluator.close()

    def seen(self, key: str, model: str, revision: str) -> None:
        """A rollout's object is there, in this revision: look, unless that was our own write."""
        with self._lock:
            self._models[model].add(key)
            world = self._worlds.get(key)
        if world is None or world.written != revision:
            self.schedule.wake(key)
        namespace = key.partition("/")[0]
        for name in list(self._fusions.get(namespace, ())):
            self.schedule.wake(f"{_FUSION}{namespace}/{name}")

    def fusion_seen(self, namespace: str, name: str, members: Iterable[str]) -> None:
        """A fusion's object is there, or was: look, and let its members look whether it is their turn."""
        self._fusions[namespace].add(name)
        self.schedule.wake(f"{_FUSION}{namespace}/{name}")
        for rollout in members:
            self.schedule.wake(f"{namespace}/{rollout}")

    def fused(self, namespace: str) -> bool:
        """Whether there is a fusion in a namespace."""
        return bool(self._fusions.get(namespace))

    def model_changed(self, model: str) -> None:
        """The registry says something else about a model: wake who delivers it."""
        with self._lock:
            keys = list(self._models.get(model, ()))
        for key in keys:
            self.schedule.wake(key)

    def _run(self) -> None:
        while (key := self.schedule.take()) is not None:
            with structlog.contextvars.bound_contextvars(rollout=key), self._metrics.turns.time():
                self._turn(key)
            self._metrics.known.set(self.schedule.size())

    def _turn(self, key: str) -> None:
        try:
            after_s = self._look(key)
        except (NotReady, FenceMoved) as error:
            self._metrics.errors.labels(type(error).__name__).inc()
            _log.warning("broken off", why=str(error), again_s=self.schedule.failed(key))
        except ScoreOpsError as error:
            self._metrics.errors.labels(type(error).__name__).inc()
            _log.error("broken off", why=str(error), again_s=self.schedule.failed(key))
        except Exception as error:  # noqa: BLE001 - one rollout must not end the others
            self._metrics.errors.labels(type(error).__name__).inc()
            _log.exception("a turn failed", again_s=self.schedule.failed(key))
        else:
            if after_s is None:
                self.schedule.forget(key)
            else:
                self.schedule.give_back(key, after_s)

    def _look(self, key: str) -> float | None:
        """One turn. Returns in how many seconds the next one is due, None when the rollout is gone."""
        namespace, _, name = key.removeprefix(_FUSION).partition("/")
        if key.startswith(_FUSION):
            return self._fuse(namespace, name)
        with self._lock:
            world = self._worlds.get(key)
            if world is None:
                world = self._worlds[key] = KubeWorld(self.parts, namespace, name)
        try:
            look = settle(world, self.parts.clock)
            if look is None:
                self._forget(key)
                return None
            world.tidy(look)
        finally:
            world.rest()
        self._metrics.note(key, look)
        return self._pause(look, self.parts.clock())

    def _fuse(self, namespace: str, name: str) -> float | None:
        after_s = FusionWorld(self.parts, namespace, name).turn()
        if after_s is None:
            self._fusions[namespace].discard(name)
        return after_s

    def _pause(self, look: Look, now: datetime) -> float:
        if quiet(look):
            return self.parts.settings.resync_s * random.uniform(0.8, 1.2)
        return max((look.again - now).total_seconds(), 0.0)

    def _forget(self, key: str) -> None:
        self._metrics.forget(key)
        self.parts.counter.forget(key)
        with self._lock:
            self._worlds.pop(key, None)
            for keys in self._models.values():
                keys.discard(key)
