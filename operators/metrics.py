"""What Prometheus reads of the operator. A rollout that is gone leaves no series behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from operators.loop import Look
from scoreops.core.rollout_status import Status

_BY = ("namespace", "rollout")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Rollouts(Collector):
    """The last look at each rollout."""

    def __init__(self) -> None:
        self._known: dict[str, Status] = {}
        self._lock = threading.Lock()

    def set(self, key: str, status: Status) -> Status | None:
        with self._lock:
            before = self._known.get(key)
            self._known[key] = status
            return before

    def drop(self, key: str) -> None:
        with self._lock:
            self._known.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        phase = GaugeMetricFamily("rollout_phase", "1 for the phase that a rollout is in.", labels=[*_BY, "phase"])
        said = "The candidate's percent of the requests: intended, applied in the route, observed by metrics."
        weight = GaugeMetricFamily("rollout_weight_percent", said, labels=[*_BY, "kind"])
        said = "1 for what each gate said last."
        verdict = GaugeMetricFamily("rollout_gate_verdict", said, labels=[*_BY, "stage", "gate", "outcome"])
        samples = GaugeMetricFamily("rollout_gate_samples", "Samples that a gate had.", labels=[*_BY, "gate"])
        needed = GaugeMetricFamily("rollout_gate_samples_needed", "Samples that it needs.", labels=[*_BY, "gate"])
        said = "When a rollout came into its phase, in seconds since 1970."
        since = GaugeMetricFamily("rollout_phase_since_seconds", said, labels=_BY)
        said = "Since when numbers are away, in seconds since 1970."
        unknown = GaugeMetricFamily("rollout_unknown_since_seconds", said, labels=_BY)
        with self._lock:
            known = dict(self._known)
        for key, status in known.items():
            whose = key.split("/", 1)
            phase.add_metric([*whose, status.phase], 1)
            since.add_metric(whose, status.since.timestamp())
            if status.unknown_since is not None:
                unknown.add_metric(whose, status.unknown_since.timestamp())
            if status.attempt is None:
                continue
            weight.add_metric([*whose, "intended"], status.traffic.intended)
            weight.add_metric([*whose, "applied"], status.traffic.applied)
            if status.traffic.observed is not None:
                weight.add_metric([*whose, "observed"], status.traffic.observed)
            for one in status.judged.verdicts if status.judged else ():
                verdict.add_metric([*whose, status.judged.stage if status.judged else "", one.gate, one.outcome], 1)
                samples.add_metric([*whose, one.gate], one.n)
                needed.add_metric([*whose, one.gate], one.need)
        yield from (phase, weight, verdict, samples, needed, since, unknown)


class OperatorMetrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._rollouts = _Rollouts()
        own.register(self._rollouts)
        said = "Attempts that ended, by how and why."
        self.attempts = Counter("rollout_attempts", said, ["outcome", "reason"], registry=own)
        self.attempt_seconds = Histogram(
            "rollout_attempt_duration_seconds",
            "From an attempt's start to its end.",
            ["outcome"],
            buckets=(60, 300, 900, 3600, 6 * 3600, 24 * 3600, 72 * 3600, 168 * 3600),
            registry=own,
        )
        self.errors = Counter(
            "operator_errors", "Looks that were broken off, by kind of error.", ["kind"], registry=own
        )
        said = "One turn: from waking up to rest."
        self.turns = Histogram("operator_turn_duration_seconds", said, buckets=_SECONDS, registry=own)
        self.leader = Gauge("operator_leader", "1 while this replica holds the Lease.", registry=own)
        self.known = Gauge("operator_rollouts", "Rollouts that are looked after.", registry=own)
        self.slowest = Gauge("operator_slowest_seconds", "How long the slowest turn takes or is overdue.", registry=own)
        said = "When the last turn ended well, in seconds since 1970."
        self.success = Gauge("operator_last_success_timestamp_seconds", said, registry=own)

    def note(self, key: str, look: Look) -> None:
        """After a turn. Attempts that ended since this process first saw the rollout are counted."""
        after = look.decision.status
        before = self._rollouts.set(key, after)
        if before is not None and before.history != after.history:
            self._ended(before, after)
        self.success.set(self._now().timestamp())

    def _ended(self, before: Status, after: Status) -> None:
        known, attempt = {past.attempt for past in before.history}, after.attempt
        for past in after.history:
            if past.attempt in known:
                continue
            self.attempts.labels(past.outcome, past.reason).inc()
            if attempt is not None and attempt.id == past.attempt:
                length = (past.at - attempt.started_at).total_seconds()
                self.attempt_seconds.labels(past.outcome).observe(length)

    def forget(self, key: str) -> None:
        """A rollout is gone."""
        self._rollouts.drop(key)

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
