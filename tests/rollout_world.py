"""A small world for one rollout: a cluster, a gateway, a registry and gates, all of which may fail.

Every write is judged by laws written from the design's text, not from the code under test.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Status, Version
from scoreops.core.rollout_world import (
    Action,
    AnswerAction,
    ApplyService,
    EvaluateGates,
    Evaluation,
    Notify,
    Observed,
    Registry,
    Release,
    Requests,
    Retire,
    Route,
    Service,
    SetAlias,
    SetWeight,
)
from scoreops.core.verdict import Outcome, Verdict
from tests.rollout_judge import judge

START = datetime(2026, 1, 1, tzinfo=UTC)


class Conflict(Exception):
    """Somebody else wrote in between."""


def version(name, digest=None):
    return Version(version=name, digest=digest or f"sha256:{name}")


@dataclass
class Pod:
    """A service of one version; `broken` answers nobody, `failed` will never start, `lies` serves something else."""

    version: Version
    ready_at: datetime
    broken: bool = False
    failed: str = ""
    lies: bool = False


@dataclass
class World:
    plan: Plan
    now: datetime = START
    generation: int = 1
    plan_valid: bool = True
    deleting: bool = False
    all_goes: bool = False
    gone: bool = False
    status: Status = field(default_factory=lambda: Status(since=START))
    revision: int = 1
    pods: dict[str, Pod] = field(default_factory=dict)
    doomed: set[str] = field(default_factory=set)
    weights: dict[str, int] = field(default_factory=dict)
    mirror: dict[str, int] = field(default_factory=dict)
    route_revision: int = 1
    before: dict[str, int] = field(default_factory=dict)
    live_at: datetime = START
    start_seconds: int = 7
    lag_seconds: int = 3
    rate: float = 20.0
    source: Version | None = None
    champion: str | None = None
    previous: str | None = None
    metrics_up: bool = True
    registry_up: bool = True
    api_up: bool = True
    gates_up: bool = True
    gates: dict[str, Outcome] = field(default_factory=dict)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    asked: int = 0
    answers: dict[str, AnswerAction] = field(default_factory=dict)
    notices: dict[str, Notify] = field(default_factory=dict)
    effects: list[tuple] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)

    def with_stable(self, name="16"):
        """A version that has served for long and is the champion."""
        self.pods[name] = Pod(version(name), START)
        self.weights = {name: 100}
        self.champion = name
        self.reached.add(name)
        return self

    def later(self, seconds):
        self.now += timedelta(seconds=seconds)

    def ready(self, pod):
        return not pod.broken and not pod.failed and self.now >= pod.ready_at

    def ask(self, verb, by="ann", attempt=None):
        self.asked += 1
        name = f"a{self.asked:03d}"
        self.actions[name] = Action(name, verb, by, attempt)
        return name

    def requests(self):
        if not self.metrics_up:
            return None
        since, attempt = self.status.traffic.settled_at, self.status.attempt
        if since is None or attempt is None:
            return Requests(0, 0)
        lately = self._counted(max(since, self.now - timedelta(seconds=30)), attempt.candidate.version)
        return replace(self._counted(since, attempt.candidate.version), lately=lately)

    def _counted(self, start, candidate):
        """Requests from then on: by the weights before until the gateway follows, then by those that it has."""
        until = min(max(start, self.live_at), self.now)
        spans = ((self.before, until - start), (self.weights, self.now - until))
        counts = [(int(self.rate * span.total_seconds()), live.get(candidate, 0)) for live, span in spans]
        return Requests(round(sum(n * share / 100 for n, share in counts)), sum(n for n, _ in counts))

    def observe(self):
        services = tuple(
            Service(
                pod.version,
                self.ready(pod),
                ("?" if pod.lies else name) if self.ready(pod) else None,
                pod.failed,
            )
            for name, pod in self.pods.items()
        )
        return Observed(
            status=self.status,
            plan=self.plan if self.plan_valid else None,
            generation=self.generation,
            plan_error="" if self.plan_valid else "steps: weights must rise",
            deleting=self.deleting,
            registry=Registry(self.source, self.champion, self.previous) if self.registry_up else None,
            services=services,
            route=Route(dict(self.weights), dict(self.mirror), str(self.route_revision)),
            requests=self.requests(),
            evaluations=tuple(self.evaluations.values()),
            actions=tuple(self.actions.values()),
            notified=frozenset(self.notices),
            all_goes=self.all_goes,
        )

    def store(self, status, revision):
        """Write the status, as the API server would: through JSON, fenced."""
        if revision != self.revision:
            raise Conflict
        self.status = Status.model_validate_json(status.model_dump_json(by_alias=True))
        assert self.status == status
        self.revision += 1

    def perform(self, act):
        """Do it, if the other side is there; the same act twice has one effect."""
        before = self.facts()
        getattr(self, f"_{type(act).__name__}")(act)
        if self.facts() != before:
            self.effects.append(_effect(act))

    def facts(self):
        """Everything outside that an act may change."""
        names = (sorted(self.pods), self.weights, self.mirror, self.champion, self.previous, self.gone)
        return copy.deepcopy((*names, sorted(self.evaluations), sorted(self.answers), sorted(self.notices)))

    def _ApplyService(self, act: ApplyService):  # noqa: N802
        name = act.version.version
        if self.api_up and name not in self.pods:
            failed = "image cannot be pulled" if name in self.doomed else ""
            self.pods[name] = Pod(act.version, self.now + timedelta(seconds=self.start_seconds), failed=failed)

    def _SetWeight(self, act: SetWeight):  # noqa: N802
        judge(self, act)
        if not self.api_up or act.expected != str(self.route_revision):
            return
        self.write_route(dict(act.weights), dict(act.mirror))

    def write_route(self, weights, mirror):
        if self.now >= self.live_at:
            self.before = self.weights
        self.weights, self.mirror = weights, mirror
        self.route_revision += 1
        self.live_at = self.now + timedelta(seconds=self.lag_seconds)
        self.reached |= {name for name, share in weights.items() if share == 100}

    def _SetAlias(self, act: SetAlias):  # noqa: N802
        if not self.registry_up or getattr(self, act.alias) != act.expected:
            return
        setattr(self, act.alias, act.version)
        if act.alias == "champion":
            assert act.version in self.reached | {None}, "champion names only what reached 100 %"
            assert act.version is None or self.weights == {act.version: 100}

    def _Retire(self, act: Retire):  # noqa: N802
        assert not self.weights.get(act.version, 0), "nothing with traffic is removed"
        if self.api_up:
            self.pods.pop(act.version, None)

    def _EvaluateGates(self, act: EvaluateGates):  # noqa: N802
        if not self.gates_up:
            return
        verdicts = tuple(self.verdict(name) for name in act.gates)
        self.evaluations.setdefault(act.id, Evaluation(act.id, act.stage, self.now, verdicts))

    def verdict(self, name):
        outcome = self.gates.get(name, Outcome.PASS)
        if not self.metrics_up and name != "contract":
            outcome = Outcome.UNKNOWN
        n = {Outcome.INSUFFICIENT: 812, Outcome.UNKNOWN: 0, Outcome.INVALID: 0}.get(outcome, 1377)
        return Verdict(name, outcome, n, 1377, None, None, f"said {outcome}")

    def _AnswerAction(self, act: AnswerAction):  # noqa: N802
        if self.api_up and self.actions.pop(act.id, None):
            self.answers[act.id] = act

    def _Notify(self, act: Notify):  # noqa: N802
        if self.api_up:
            self.notices[act.id] = act

    def _Release(self, act: Release):  # noqa: N802
        assert self.deleting
        self.gone = True


def _effect(act):
    """What an act does, without ids that count and fences that move."""
    if isinstance(act, SetWeight):
        return ("SetWeight", tuple(sorted(act.weights.items())), tuple(sorted(act.mirror.items())))
    if isinstance(act, SetAlias):
        return ("SetAlias", act.alias, act.version)
    if isinstance(act, ApplyService):
        return ("ApplyService", act.version.version)
    if isinstance(act, EvaluateGates):
        return ("EvaluateGates", act.stage)
    if isinstance(act, Notify):
        return ("Notify", act.reason)
    return (type(act).__name__, getattr(act, "version", ""))
