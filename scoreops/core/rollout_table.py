"""The state machine as data: which event leads from which phase to which. `decide` makes no other move."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scoreops.core.errors import Unsupported
from scoreops.core.rollout_status import Phase as P  # noqa: N817 - rows stay on a line


class Event(StrEnum):
    """What may move a rollout from one phase to another."""

    NEW_VERSION = "new version"
    WITHDRAWN = "withdrawn"
    PINNED = "pinned"
    PASSED = "gates pass"
    FAILED = "gates fail"
    READY = "candidate ready"
    DEPLOY_FAILED = "deploy failed"
    WEIGHT_OBSERVED = "weight observed"
    SOAKED = "soak over"
    APPROVAL_NEEDED = "approval needed"
    INSUFFICIENT = "too few samples for too long"
    UNKNOWN_TOO_LONG = "unknown for too long"
    RESUMED = "resumed"
    SKIPPED = "SkipStep or Promote"
    PAUSE_ASKED = "Pause or spec.paused"
    ALL_TRAFFIC = "100 % and aliases moved"
    BAKED = "bake over"
    NOT_READY = "candidate not ready"
    ROLLBACK_ASKED = "Rollback or Abort"
    SUPERSEDED = "newer version (Replace)"
    ON_STABLE = "traffic on stable"
    STABLE_LOST = "stable not ready"
    STABLE_BACK = "stable ready again"
    DELETED = "deleted"


@dataclass(frozen=True)
class Row:
    """`event` in one of `sources` leads to one of `targets`; `what` is done, and an Event `notice` is sent."""

    sources: tuple[P, ...]
    event: Event
    targets: tuple[P, ...]
    what: str
    notice: str = ""


RESTING = (P.IDLE, P.COMPLETED, P.ROLLED_BACK, P.REJECTED, P.SUPERSEDED)
STEPPING = (P.PROGRESSING, P.SOAKING, P.JUDGING)
FULL = (P.PROMOTING, P.BAKING)
DEPLOYED = (P.DEPLOYING, P.SHADOWING, *STEPPING, *FULL)
"""Phases in which the candidate has a service; some of its traffic may be on it."""
RUNNING = (P.PREFLIGHT, *DEPLOYED)
MEASURED = (P.SHADOWING, *STEPPING, *FULL)
"""Phases in which an absent provider of numbers starts the clock of onUnknown."""
ENDING = (P.ROLLING_BACK, P.STALLED)

TABLE = (
    Row(RESTING, Event.NEW_VERSION, (P.RESOLVING,), "the source names a version that is neither stable nor blocked"),
    Row((P.STALLED,), Event.NEW_VERSION, (P.RESOLVING,), "only if there is no stable version to go back to"),
    Row((P.RESOLVING,), Event.WITHDRAWN, (P.IDLE,), "the source names nothing new any more"),
    Row((P.RESOLVING,), Event.PINNED, (P.PREFLIGHT,), "version and digest pinned, attempt opened", "AttemptStarted"),
    Row((P.PREFLIGHT,), Event.PASSED, (P.DEPLOYING,), "Pass stored; the candidate's service is brought up"),
    Row((P.PREFLIGHT,), Event.FAILED, (P.REJECTED,), "version blocked; it never had traffic", "Rejected"),
    Row(
        (P.DEPLOYING,),
        Event.READY,
        (P.SHADOWING, P.PROGRESSING, P.PROMOTING),
        "mirror on, or the first weight; to 100 % at once where there is no other step or no stable version",
    ),
    Row((P.DEPLOYING,), Event.DEPLOY_FAILED, (P.ROLLING_BACK,), "failed to load, or past the deadline", "DeployFailed"),
    Row(
        (P.SHADOWING,),
        Event.PASSED,
        (P.PROGRESSING, P.PROMOTING),
        "Pass stored, mirror off",
        "StepPassed",
    ),
    Row((P.PROGRESSING,), Event.WEIGHT_OBSERVED, (P.SOAKING,), "the route was read back, metrics agree", "WeightSet"),
    Row((P.SOAKING,), Event.SOAKED, (P.JUDGING,), "long enough and with enough requests"),
    Row((P.JUDGING,), Event.PASSED, (P.PROGRESSING, P.PROMOTING), "Pass stored, next weight", "StepPassed"),
    Row((P.JUDGING,), Event.APPROVAL_NEEDED, (P.PAUSED,), "Pass stored; a person must approve", "ApprovalRequired"),
    Row(
        (P.PREFLIGHT, P.SHADOWING, P.SOAKING, P.JUDGING, P.BAKING),
        Event.INSUFFICIENT,
        (P.PAUSED,),
        "after maxWait; says what is missing",
        "Paused",
    ),
    Row(
        MEASURED,
        Event.UNKNOWN_TOO_LONG,
        (P.PAUSED, P.ROLLING_BACK),
        "after onUnknown.hold",
        "MetricsUnavailable",
    ),
    Row(RUNNING, Event.PAUSE_ASKED, (P.PAUSED,), "weight held; gates are still watched", "Paused"),
    Row((P.PAUSED,), Event.PAUSE_ASKED, (P.PAUSED,), "now held by a person", "Paused"),
    Row((P.PAUSED,), Event.RESUMED, RUNNING, "Resume or Approve, or numbers are back; clocks go on", "Resumed"),
    Row(
        (P.SHADOWING, *STEPPING, P.PAUSED),
        Event.SKIPPED,
        (P.PROGRESSING, P.PROMOTING),
        "a Pass is stored in that person's name",
        "StepSkipped",
    ),
    Row((P.PROMOTING,), Event.ALL_TRAFFIC, (P.BAKING,), "champion and previous moved by compare-and-set", "Promoted"),
    Row((P.BAKING,), Event.BAKED, (P.COMPLETED,), "the candidate is stable now; the old one stays warm", "Completed"),
    Row(
        (P.SHADOWING, *STEPPING, *FULL, P.COMPLETED, P.PAUSED),
        Event.FAILED,
        (P.ROLLING_BACK,),
        "a critical gate at any time, any gate when its stage is judged",
        "GateFailed",
    ),
    Row(
        (P.SHADOWING, *STEPPING, *FULL, P.PAUSED),
        Event.NOT_READY,
        (P.ROLLING_BACK,),
        "it had traffic",
        "CandidateNotReady",
    ),
    Row((*RUNNING, P.COMPLETED, P.PAUSED), Event.ROLLBACK_ASKED, (P.ROLLING_BACK,), "weight 0", "RollbackStarted"),
    Row(
        (P.PREFLIGHT, P.DEPLOYING, P.SHADOWING, *STEPPING, P.PAUSED),
        Event.SUPERSEDED,
        (P.ROLLING_BACK,),
        "before 100 % only; the old candidate is not blocked",
        "Superseded",
    ),
    Row(
        (P.ROLLING_BACK,),
        Event.ON_STABLE,
        (P.ROLLED_BACK, P.SUPERSEDED),
        "version blocked unless superseded; aliases restored, candidate retired after abortDelay",
        "RolledBack",
    ),
    Row((P.ROLLING_BACK,), Event.STABLE_LOST, (P.STALLED,), "traffic stays where it is; a person is called", "Stalled"),
    Row((P.STALLED,), Event.STABLE_BACK, (P.ROLLING_BACK,), "the way back goes on", "RollbackStarted"),
    Row(
        tuple(phase for phase in P if phase is not P.TERMINATING),
        Event.DELETED,
        (P.TERMINATING,),
        "traffic to stable (or kept), candidate removed, finalizer dropped",
        "Deleting",
    ),
)


def row(source: P, event: Event, target: P) -> Row:
    """The row that allows this move. Raises Unsupported if there is none."""
    for found in TABLE:
        if event is found.event and source in found.sources and target in found.targets:
            return found
    raise Unsupported(f"no move from {source} to {target} on {event!s}")
