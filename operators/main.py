"""The process `python -m operators`. It ends with 0 on SIGTERM, with 1 when the Lease or the watches are lost."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final

import structlog

from operators.build.fusion import answers_of
from operators.build.names import REVIEWS
from operators.evaluating import Evaluator
from operators.events import Events
from operators.health import Health
from operators.host import Host
from operators.killing import killing
from operators.lease import Lease, Pace
from operators.logs import configure
from operators.metrics import OperatorMetrics
from operators.parts import Parts
from operators.registries import Registries
from operators.reported import Reported
from operators.requests import Counter
from operators.settings import OperatorSettings
from operators.sources import metrics_of, sources_of
from scoreops.adapters.gate_sources import RegistryShelf
from scoreops.adapters.kube import connect
from scoreops.adapters.registry import Registry
from scoreops.core.errors import ScoreOpsError

STUCK_S: Final = 120.0
"""A turn that takes, or a due rollout that waits, so long is a stuck loop."""
_log = structlog.get_logger("operators.main")


def _now() -> datetime:
    return datetime.now(UTC)


class Operator:
    """One replica: it waits for the Lease, then watches and works until it is told to stop or loses it."""

    def __init__(self, settings: OperatorSettings) -> None:
        self.settings = settings.model_copy(update={"identity": settings.identity or socket.gethostname()})
        around = killing(settings.kill_at) if settings.kill_at else nullcontext
        pool = settings.workers + settings.evaluators + 4
        self._kube = connect(settings.kubeconfig, pool=pool, timeout_s=settings.timeout_s)
        self._kube.around = around
        pace = Pace(settings.lease_s, settings.renew_s, settings.retry_s)
        self._lease = Lease(self._kube, settings.namespace, self.settings.identity, pace)
        self.metrics = OperatorMetrics(_now)
        self._around = around
        self._stop = threading.Event()
        self.host = Host(self._parts, self.metrics)
        self.events = Events(self.settings, self.host)
        self.health = Health(
            settings.health_port, {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._show}
        )
        self._working = False

    def run(self) -> int:
        """Until SIGTERM or a loss. Returns the exit code."""
        self.health.start()
        registries = threading.Thread(
            target=self.host.parts.registries.run, args=(self._stop,), name="registry", daemon=True
        )
        kept = self._lease.run(self._stop, lambda: self._begin(registries))
        self._stop.set()
        if self._working:
            self.events.stop()
            self.host.stop()
        self._lease.release()
        self.health.stop()
        return 0 if kept and self.events.failed is None else 1

    def stop(self) -> None:
        """End soon, after what is under way."""
        self._stop.set()

    def _begin(self, registries: threading.Thread) -> None:
        self._working = True
        self.metrics.leader.set(1)
        registries.start()
        self.events.start()
        self.host.start()
        threading.Thread(target=self._watch_the_watches, name="watcher", daemon=True).start()

    def _watch_the_watches(self) -> None:
        while not self._stop.wait(1.0):
            if not self.events.alive():
                _log.error("the watches ended")
                self._stop.set()

    def _parts(self, wake: Callable[[str], None]) -> Parts:
        settings = self.settings
        registry = Registry(settings.mlflow, timeout_s=5.0) if settings.mlflow else None
        metrics = metrics_of(settings)
        return Parts(
            kube=self._kube,
            settings=settings,
            lease=self._lease,
            registries=Registries(registry, self._model_changed, around=self._around),
            counter=Counter(metrics, settings.metrics_labels),
            evaluator=Evaluator(
                self._kube,
                sources_of(settings),
                _now,
                wake,
                workers=settings.evaluators,
                may=self._lease.held,
            ),
            reported=Reported(settings.provider_timeout_s),
            answers=self._answers(),
            fused=self._fused,
            me=self._me,
            clock=_now,
            wake=wake,
        )

    def _answers(self) -> Callable[[str, str], str | None]:
        if not self.settings.mlflow:
            return lambda _model, _version: None
        shelf = RegistryShelf(Registry(self.settings.mlflow, timeout_s=5.0))

        def answers(model: str, version: str) -> str | None:
            try:
                return answers_of(shelf.registered(model, version).manifest.outputs)
            except ScoreOpsError as error:
                _log.warning("nobody knows what a version answers", model=model, version=version, why=str(error))
                return None

        return answers

    def _fused(self, namespace: str) -> bool:
        return self.host.fused(namespace)

    def _me(self) -> str:
        body = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind}
        return str(self._kube.review(REVIEWS, body)["status"]["userInfo"]["username"])

    def _model_changed(self, model: str) -> None:
        self.host.model_changed(model)

    def _alive(self) -> tuple[int, bytes]:
        slowest = self.host.schedule.slowest_s() if self._working else 0.0
        if slowest > STUCK_S:
            return 500, f"a rollout is stuck for {slowest:.0f} s\n".encode()
        return 200, b"ok\n"

    def _ready(self) -> tuple[int, bytes]:
        return 200, b"leads\n" if self._working else b"waits for the Lease\n"

    def _show(self) -> tuple[int, bytes]:
        self.metrics.slowest.set(self.host.schedule.slowest_s() if self._working else 0.0)
        return 200, self.metrics.render()


def main() -> int:
    """Read the settings, run, and say how it ended."""
    configure()
    settings = OperatorSettings()
    if settings.kubeconfig:
        os.environ["KUBECONFIG"] = settings.kubeconfig  # for kopf, which looks nowhere else
    try:
        operator = Operator(settings)
    except ScoreOpsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: operator.stop())
    return operator.run()
