"""What a ModelRollout remembers: all of it is stored in the object's status, and nothing is remembered elsewhere."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from scoreops.core.rollout_spec import Frozen, Plan
from scoreops.core.verdict import Verdict

KEPT_ATTEMPTS = 10
KEPT_ANSWERS = 20
KEPT_NOTICES = 20
KEPT_BLOCKED = 50


class Phase(StrEnum):
    """Where a rollout stands. docs/explanation/rollout-states.md draws how one leads to another."""

    IDLE = "Idle"
    RESOLVING = "Resolving"
    PREFLIGHT = "Preflight"
    REJECTED = "Rejected"
    DEPLOYING = "Deploying"
    SHADOWING = "Shadowing"
    PROGRESSING = "Progressing"
    SOAKING = "Soaking"
    JUDGING = "Judging"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    COMPLETED = "Completed"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    STALLED = "Stalled"
    SUPERSEDED = "Superseded"
    TERMINATING = "Terminating"


class Reason(StrEnum):
    """Why, in one stable word that alerts and scripts may match."""

    AT_REST = "AtRest"
    IN_PROGRESS = "InProgress"
    WAITING = "Waiting"
    GATE_PASSED = "GatePassed"
    GATE_FAILED = "GateFailed"
    GATE_INSUFFICIENT = "GateInsufficient"
    GATE_UNKNOWN = "GateUnknown"
    GATE_INVALID = "GateInvalid"
    INVALID_SPEC = "InvalidSpec"
    REGISTRY_DOWN = "RegistryDown"
    ALIAS_CONFLICT = "AliasConflict"
    CANDIDATE_NOT_READY = "CandidateNotReady"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    STABLE_NOT_READY = "StableNotReady"
    NO_STABLE = "NoStable"
    WEIGHT_NOT_OBSERVED = "WeightNotObserved"
    APPROVAL = "Approval"
    USER = "User"
    ACTION = "Action"
    NEWER_VERSION = "NewerVersion"
    DELETED = "Deleted"


class Version(Frozen):
    """A model version of the registry, pinned by the digest of its bundle."""

    version: str
    digest: str


class Attempt(Frozen):
    """One try to bring one candidate to all traffic; it keeps the plan and the stable version it started with.

    `previous` is where the registry's alias of that name stood. `full` says that the candidate was seen at 100 %.
    `ending` and `why` are those of a rollback under way; `asked` counts evaluations, so that each has its own id.
    """

    id: str
    candidate: Version
    stable: Version | None = None
    plan: Plan
    started_at: AwareDatetime
    previous: str | None = None
    full: bool = False
    ending: Phase = Phase.ROLLED_BACK
    why: Reason = Reason.IN_PROGRESS
    asked: int = 0


class StepStatus(Frozen):
    """The step under way, from 0; the phase says what it does there."""

    index: int
    total: int
    since: AwareDatetime


class Traffic(Frozen):
    """The candidate's share in percent: what we want, what the route says, what its metrics show (None: not known).

    `settled` says that the whole route, mirror included, was last read as wanted, `settled_at` since when: requests
    are counted from there.
    """

    intended: int = 0
    mirror: int = 0
    applied: int = 0
    observed: float | None = None
    verified_at: AwareDatetime | None = None
    settled: bool = False
    settled_at: AwareDatetime | None = None


class Intent(Frozen):
    """The write-ahead record of one act on the world. `done`: its effect was read back, or is not wanted any more."""

    id: str
    kind: str
    done: bool = False
    tries: int = 0
    tried_at: AwareDatetime


class Asked(Frozen):
    """The write-ahead record of one evaluation of gates; `at` is when it was last asked for."""

    id: str
    stage: str
    at: AwareDatetime


class Judged(Frozen):
    """The last evaluation whose verdicts were read."""

    id: str
    stage: str
    at: AwareDatetime
    verdicts: tuple[Verdict, ...]


class Evidence(Frozen):
    """A stored Pass: which stage, by which evaluation or by whose word, when."""

    stage: str
    source: str
    at: AwareDatetime


class Pause(Frozen):
    """Why it waits, and where it goes on. `by_spec`: spec.paused holds it. A pause stops the clocks."""

    why: Reason
    was: Phase
    was_since: AwareDatetime
    by_spec: bool = False


class Answer(Frozen):
    """What became of an action; `told` once its object says so too."""

    action: str
    accepted: bool
    why: str
    told: bool = False
    tried_at: AwareDatetime | None = None


class Notice(Frozen):
    """A sentence for people that is still to be sent."""

    id: str
    reason: str
    message: str
    tried_at: AwareDatetime | None = None


class Past(Frozen):
    """How an attempt ended."""

    attempt: str
    version: str
    outcome: Phase
    reason: Reason
    at: AwareDatetime


class Blocked(Frozen):
    """A version that failed under this generation of the spec: not tried again by itself."""

    version: str
    digest: str
    generation: int
    reason: Reason


class Status(Frozen):
    """The whole memory of one rollout. `moves` counts transitions, `attempts` the attempts; both make ids unique."""

    phase: Phase = Phase.IDLE
    since: AwareDatetime
    reason: Reason = Reason.AT_REST
    message: str = ""
    moves: int = 0
    attempts: int = 0
    attempt: Attempt | None = None
    stable: Version | None = None
    step: StepStatus | None = None
    traffic: Traffic = Traffic()
    intent: Intent | None = None
    asked: Asked | None = None
    judged: Judged | None = None
    evidence: tuple[Evidence, ...] = ()
    pause: Pause | None = None
    unknown_since: AwareDatetime | None = None
    answers: tuple[Answer, ...] = ()
    notices: tuple[Notice, ...] = ()
    noticed: int = 0
    history: tuple[Past, ...] = Field(default=(), max_length=KEPT_ATTEMPTS)
    blocked: tuple[Blocked, ...] = Field(default=(), max_length=KEPT_BLOCKED)

    @property
    def place(self) -> Phase:
        """The phase, or during a pause the one that was left."""
        return self.pause.was if self.phase is Phase.PAUSED and self.pause else self.phase

    def has(self, stage: str) -> bool:
        """Whether a Pass of that stage is stored for this attempt."""
        return any(evidence.stage == stage for evidence in self.evidence)

    def proving(self, stage: str, source: str, at: datetime) -> Status:
        """The same with a Pass of `stage` stored; a stage passes once."""
        if self.has(stage):
            return self
        return self.model_copy(update={"evidence": (*self.evidence, Evidence(stage=stage, source=source, at=at))})

    def noticing(self, reason: str, message: str) -> Status:
        """The same with one more sentence to send; of too many the oldest are dropped."""
        count = self.noticed + 1
        notice = Notice(id=f"{self.attempt.id if self.attempt else 'rest'}-{count}", reason=reason, message=message)
        return self.model_copy(update={"noticed": count, "notices": (*self.notices, notice)[-KEPT_NOTICES:]})
