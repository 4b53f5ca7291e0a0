"""What happens in the demo, in order: everything is started, served, improved, spoiled and taken back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cluster import life, prometheus
from cluster.demo import objects
from cluster.demo.models import Bundle, Models, train
from cluster.demo.traffic import Tally, Traffic, ask_fused, wait_for_route
from cluster.demo.view import Follower
from cluster.kube import apply
from cluster.place import ROOT, Place
from operators.build.names import FUSIONS
from scoreops.adapters.kafka import ensure_topics
from scoreops.adapters.kube import connect
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.cli.rollout_places import Cluster
from scoreops.core.errors import NotReady
from scoreops.kol.events import INFERENCE_TOPIC, LABELS_TOPIC
from scoreops.kol.world import WorldSpec
from scoreops.local import runtime

Tell = Callable[[str], None]
WORLD: Final = WorldSpec(kols=200, days=11, seed=7)
_BESIDE: Final = ("kafka", "mlflow")
_LIMIT_S: Final = 900.0
_POLL_S: Final = 0.3


@dataclass(frozen=True)
class Chapter:
    """One thing that was tried, and whether it went as it should.

    `weight` is the largest share that the candidate had, in percent; `tally` what requests met meanwhile.
    """

    what: str
    version: str
    ended: str
    why: str
    right: bool
    weight: float = 0.0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)


def run(place: Place, follower: Follower, tell: Tell, *, keep: bool) -> list[Chapter]:
    """Everything, from an empty HOME of its own. Unless `keep` nothing of it is left running.

    Raises NotReady when a part does not come up, or a rollout does not end within a quarter of an hour.
    """
    settings = Settings(home=ROOT / ".run" / "demo-k8s", host=place.host)
    runtime.down(settings)
    shutil.rmtree(settings.root, ignore_errors=True)
    with runtime.interruptible():
        try:
            with ThreadPoolExecutor(1) as pool:
                training = pool.submit(train, WORLD)
                tell("training trust, success and fusion on a generated world")
                life.down(place)
                life.up(place, "full", fake_nodes=False, tell=tell)
                return _Demo(place, settings, follower, tell).run(training.result)
        finally:
            if not keep:
                with runtime.uninterrupted():
                    tell("stopping everything")
                    runtime.down(settings)
                    life.down(place)


class _Demo:
    def __init__(self, place: Place, settings: Settings, follower: Follower, tell: Tell) -> None:
        self._place, self._settings, self._tell = place, settings, tell
        self._follower = follower
        self._registry = Registry(settings.mlflow_url)
        self._kube = connect(str(place.kubeconfig))
        self._rollouts = Cluster(str(place.kubeconfig), objects.NAMESPACE)

    def run(self, models: Callable[[], Models]) -> list[Chapter]:
        self._beside()
        self._tell("the operator and the evidence service")
        objects.install_operator(self._place, self._settings)
        objects.install_evidence(self._place, self._settings)
        apply(self._place, [objects.runtime(self._place, self._settings), *objects.gates()])
        made = models()
        chapters = self._first(made)
        with self._traffic(made) as traffic:
            chapters.append(self._attempt("a better trust", made.better, traffic, phase="Completed", most=100))
            chapters.append(self._attempt("a misjoined trust", made.misjoined, traffic, phase="RolledBack", most=10))
            chapters.append(self._fused("trust v2, success v1; fusion v1"))
            whole = traffic.tally()
        chapters.append(_asked(whole))
        return chapters

    def _beside(self) -> None:
        """What stands outside of the cluster, where its pods reach it; Prometheus is inside."""
        self._tell("Kafka, MLflow and Prometheus")
        runtime.up([runtime.component(name, self._settings) for name in _BESIDE])
        ensure_topics(self._settings.kafka_bootstrap, [INFERENCE_TOPIC, LABELS_TOPIC])
        prometheus.start(self._place)

    def _put(self, files: Bundle) -> str:
        return str(self._registry.register(files, metrics={}, verdicts=[]).number)

    def _first(self, models: Models) -> list[Chapter]:
        """Version 1 of each score takes all of its traffic, and the fusion joins them."""
        for files in (models.stable, models.success, models.fusion):
            self._put(files)
        apply(self._place, [*objects.rollouts(), objects.fusion()])
        chapters = [self._ended(f"first {name}", name, "1", "Completed", 100) for name in objects.MEMBERS]
        chapters.append(self._fused("trust v1, success v1; fusion v1"))
        wait_for_route(self._place.gateway_url, models.asked[0])
        return chapters

    @contextmanager
    def _traffic(self, models: Models) -> Iterator[Traffic]:
        made = Traffic(self._place.gateway_url, self._settings.kafka_bootstrap, models.asked, models.genuine)
        made.start()
        self._follower.watch(made.tally)
        try:
            yield made
        finally:
            made.stop()

    def _attempt(self, what: str, files: Bundle, traffic: Traffic, *, phase: str, most: float) -> Chapter:
        before = traffic.tally()
        ended = self._ended(what, "trust", self._put(files), phase, most)
        tally = traffic.tally().since(before)
        return Chapter(**(vars(ended) | {"tally": tally, "right": ended.right and not tally.failed}))

    def _ended(self, what: str, name: str, version: str, phase: str, most: float) -> Chapter:
        """Follow the rollout of a version to its end, which should be `phase` with a share of `most` percent."""
        began, highest = time.monotonic(), 0.0
        while True:
            shown = self._rollouts.status(name)
            if shown.candidate == version:
                highest = max(highest, shown.weight["applied"] or 0.0)
            self._follower.show(self._rollouts.all())
            if shown.candidate == version and shown.finished:
                break
            if time.monotonic() - began > _LIMIT_S:
                raise NotReady(f"{name} version {version} is still {shown.phase}: {shown.message}")
            time.sleep(_POLL_S)
        right = shown.phase == phase and highest == most
        return Chapter(what, version, shown.phase, shown.message, right, highest, time.monotonic() - began)

    def _fused(self, line: str) -> Chapter:
        """Wait until the fusion serves the revision that `kubectl get fusion` shows so, and ask all of it."""
        began = time.monotonic()
        while (said := self._revision()) != line:
            self._follower.show(self._rollouts.all())
            if time.monotonic() - began > _LIMIT_S:
                raise NotReady(f"the fusion serves {said or 'nothing'}, not {line}")
            time.sleep(_POLL_S)
        answered = ask_fused(self._place.gateway_url)
        shown = ", ".join(f"{name} v{version}" for name, version in answered.items())
        right = all(f"{name} v{version}" in line for name, version in answered.items())
        return Chapter("the fusion", answered["fusion"], "Served", shown, right, 100.0, time.monotonic() - began)

    def _revision(self) -> str:
        found = self._kube.get(FUSIONS, objects.NAMESPACE, objects.FUSION)
        return str((found or {}).get("status", {}).get("line", ""))


def _asked(tally: Tally) -> Chapter:
    said = ", ".join(f"{count} {why}" for why, count in tally.failures.items()) or "every one was answered"
    total = tally.answers.total() + tally.failed
    return Chapter("requests", "", f"{total:,}", said, not tally.failed, tally=tally)
