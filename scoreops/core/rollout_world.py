"""What the rollout sees before a decision, and what a decision asks for: the two edges of `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Status, Version
from scoreops.core.verdict import Verdict


class Verb(StrEnum):
    """What a person may ask for by creating a RolloutAction."""

    PROMOTE = "Promote"
    ROLLBACK = "Rollback"
    ABORT = "Abort"
    PAUSE = "Pause"
    RESUME = "Resume"
    APPROVE = "Approve"
    RETRY = "Retry"
    SKIP_STEP = "SkipStep"


@dataclass(frozen=True)
class Action:
    """A RolloutAction that has no answer yet. `attempt`: the one it is meant for, None for whichever runs."""

    id: str
    verb: Verb
    by: str
    attempt: str | None = None


@dataclass(frozen=True)
class Registry:
    """What the registry says: the version that the source names, and where the two aliases stand."""

    candidate: Version | None
    champion: str | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Service:
    """The InferenceService of one version. `reported`: the version that its server says it serves, None if not asked.

    `failed` is the sentence of a failure that waiting will not mend (image, bundle), else "".
    """

    version: Version
    ready: bool
    reported: str | None = None
    failed: str = ""


@dataclass(frozen=True)
class Route:
    """The weighted route as the API server has it: percent per version, mirrored percent, and its resourceVersion."""

    weights: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    revision: str = ""

    def same(self, other: Route) -> bool:
        """Whether both send the same traffic."""
        return dict(self.weights) == dict(other.weights) and dict(self.mirror) == dict(other.mirror)


@dataclass(frozen=True)
class Requests:
    """Requests answered by the candidate, and by both, since `traffic.settled_at`; `lately`: those of the last moments.

    A gateway follows a route some seconds later, so that what was counted since then holds some of the weight before.
    """

    candidate: int
    total: int
    lately: Requests | None = None

    @property
    def percent(self) -> float | None:
        """The candidate's share, None while nobody asked."""
        return 100 * self.candidate / self.total if self.total else None


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation (GateRun): its verdicts, under the id it was asked with."""

    id: str
    stage: str
    at: datetime
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Observed:
    """One fresh look at everything. `plan` is None when the spec is invalid (`plan_error` says why).

    None for `registry` or `requests` means: away, not known. `notified`: ids of notices that were sent. `all_goes`:
    everything around the rollout is being deleted too, and nothing new can be made.
    """

    status: Status
    plan: Plan | None
    generation: int = 1
    plan_error: str = ""
    deleting: bool = False
    registry: Registry | None = None
    services: tuple[Service, ...] = ()
    route: Route = Route()
    requests: Requests | None = None
    evaluations: tuple[Evaluation, ...] = ()
    actions: tuple[Action, ...] = ()
    notified: frozenset[str] = frozenset()
    all_goes: bool = False


@dataclass(frozen=True)
class ApplyService:
    """Bring up the service of a version (server-side apply: harmless if it is there)."""

    kind: ClassVar[str] = "ApplyService"
    id: str
    version: Version


@dataclass(frozen=True)
class SetWeight:
    """Write the whole route, if it is still at `expected` (a resourceVersion)."""

    kind: ClassVar[str] = "SetWeight"
    id: str
    weights: Mapping[str, int]
    mirror: Mapping[str, int]
    expected: str


@dataclass(frozen=True)
class SetAlias:
    """Point a registry alias at a version (None: remove it), if it is still at `expected`."""

    kind: ClassVar[str] = "SetAlias"
    id: str
    alias: str
    version: str | None
    expected: str | None


@dataclass(frozen=True)
class Retire:
    """Remove the service of a version that has no traffic."""

    kind: ClassVar[str] = "Retire"
    id: str
    version: str


@dataclass(frozen=True)
class EvaluateGates:
    """Evaluate these gates and keep the verdicts under `id`; a repeat with the same id changes nothing."""

    kind: ClassVar[str] = "EvaluateGates"
    id: str
    stage: str
    gates: tuple[str, ...]


@dataclass(frozen=True)
class AnswerAction:
    """Write into an action's status what became of it."""

    kind: ClassVar[str] = "AnswerAction"
    id: str
    accepted: bool
    why: str


@dataclass(frozen=True)
class Notify:
    """Tell people (a Kubernetes Event named by `id`, and whoever the spec says)."""

    kind: ClassVar[str] = "Notify"
    id: str
    reason: str
    message: str


@dataclass(frozen=True)
class Release:
    """Drop the finalizer: the object may go."""

    kind: ClassVar[str] = "Release"
    id: str


Act = ApplyService | SetWeight | SetAlias | Retire | EvaluateGates | AnswerAction | Notify | Release


@dataclass(frozen=True)
class Decision:
    """Write `status` first, fenced by the object's resourceVersion; then do `act`; look again at `again`."""

    status: Status
    act: Act | None
    again: datetime
