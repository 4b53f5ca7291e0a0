"""One look with its moment: the questions that the rules ask, and the only way to change the phase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import (
    KEPT_ATTEMPTS,
    KEPT_BLOCKED,
    Attempt,
    Blocked,
    Past,
    Phase,
    Reason,
    Status,
    Version,
)
from scoreops.core.rollout_table import Event, row
from scoreops.core.rollout_world import Observed, Route, Service


@dataclass(frozen=True)
class View:
    """What was observed, the status as it stands in this decision, and the moment."""

    observed: Observed
    status: Status
    now: datetime

    @property
    def attempt(self) -> Attempt:
        """The attempt under way; phases that need one have one."""
        assert self.status.attempt is not None
        return self.status.attempt

    @property
    def plan(self) -> Plan:
        """The plan that the attempt started with."""
        return self.attempt.plan

    @property
    def held(self) -> bool:
        """Whether an invalid spec or a pause forbids to go forward."""
        return self.observed.plan is None or self.status.phase is Phase.PAUSED

    @property
    def blind(self) -> tuple[Reason, str] | None:
        """Which provider is away, None if all answer. Nothing rises while one is."""
        if self.observed.requests is None:
            return Reason.GATE_UNKNOWN, "the metrics are away; the weight is held"
        if self.observed.registry is None:
            return Reason.REGISTRY_DOWN, "the registry is away; the weight is held"
        return None

    def elapsed(self, since: datetime | None = None) -> float:
        """Seconds since that moment, or since the phase began."""
        return (self.now - (since or self.status.since)).total_seconds()

    def service(self, version: Version | None) -> Service | None:
        """The service of that version, if it exists with the same bundle."""
        return next((one for one in self.observed.services if one.version == version), None)

    def ready(self, version: Version | None) -> bool:
        """Whether the cluster says that this version can answer."""
        service = self.service(version)
        return service is not None and service.ready

    def serving(self, version: Version | None) -> bool:
        """Ready, and its server says that it is this version."""
        service = self.service(version)
        return service is not None and service.ready and service.reported == service.version.version

    def wanted_route(self) -> Route | None:
        """The route that the stored status asks for; None if there is nothing to ask for."""
        return wanted_route(self.status)

    def into(self, status: Status) -> View:
        """The same look with another status."""
        return replace(self, status=status)

    def say(self, reason: Reason, message: str) -> Status:
        """The same phase with another reason."""
        return self.status.model_copy(update={"reason": reason, "message": message})

    def move(self, event: Event, target: Phase, reason: Reason, message: str, **changes: Any) -> Status:
        """The next phase. Raises Unsupported if the table has no such move."""
        allowed = row(self.status.phase, event, target)
        fixed = {
            "phase": target,
            "since": self.now,
            "reason": reason,
            "message": message,
            "moves": self.status.moves + 1,
            "pause": None,
        }
        if "traffic" in changes:
            changes["traffic"] = changes["traffic"].model_copy(update={"settled": False, "settled_at": None})
        status = self.status.model_copy(update=fixed | changes)
        return status.noticing(allowed.notice, message) if allowed.notice else status

    def back(self, event: Event, reason: Reason, message: str, ending: Phase = Phase.ROLLED_BACK) -> Status:
        """Begin the way back: nothing is wanted on the candidate any more."""
        changes: dict[str, Any] = {
            "attempt": self.attempt.model_copy(update={"ending": ending, "why": reason}),
            "stable": self.attempt.stable,
            "traffic": self.status.traffic.model_copy(update={"intended": 0, "mirror": 0}),
            "asked": None,
            "unknown_since": None,
        }
        return self.move(event, Phase.ROLLING_BACK, reason, message, **changes)

    def paused(self, event: Event, why: Reason, message: str, pause: Any) -> Status:
        """Hold the weight until somebody or something resumes."""
        return self.move(event, Phase.PAUSED, why, message, pause=pause)

    def resumed(self, message: str) -> Status:
        """Where the pause began, with the clocks as they stood then; an endless wait begins anew."""
        pause = self.status.pause
        assert pause is not None
        fresh = pause.why in {Reason.GATE_INSUFFICIENT, Reason.GATE_UNKNOWN}
        since = self.now if fresh else pause.was_since + (self.now - self.status.since)
        changes: dict[str, Any] = {"unknown_since": None}
        status = self.move(Event.RESUMED, pause.was, Reason.IN_PROGRESS, message, **changes)
        return status.model_copy(update={"since": since})

    def ended(self, outcome: Phase, status: Status, *, block: bool) -> Status:
        """`status` with the attempt in the history and, if it failed, its version blocked."""
        attempt, reason = self.attempt, status.reason
        past = Past(attempt=attempt.id, version=attempt.candidate.version, outcome=outcome, reason=reason, at=self.now)
        changes: dict[str, Any] = {"history": (*status.history, past)[-KEPT_ATTEMPTS:]}
        if block:
            candidate, generation = attempt.candidate, self.observed.generation
            one = Blocked(version=candidate.version, digest=candidate.digest, generation=generation, reason=reason)
            changes["blocked"] = (*status.blocked, one)[-KEPT_BLOCKED:]
        return status.model_copy(update=changes)


def wanted_route(status: Status) -> Route | None:
    """The route that a status asks for: the candidate's intended share, the rest on the attempt's stable version."""
    attempt, weight = status.attempt, status.traffic.intended
    if attempt is None:
        return Route({status.stable.version: 100}) if status.stable else None
    candidate = attempt.candidate.version
    mirror = {candidate: status.traffic.mirror} if status.traffic.mirror else {}
    if attempt.stable is None:
        return Route({candidate: 100}) if weight == 100 else None
    weights = {attempt.stable.version: 100 - weight, candidate: weight}
    return Route({version: share for version, share in weights.items() if share}, mirror)


def later(now: datetime, seconds: float) -> datetime:
    """A moment after `now`."""
    return now + timedelta(seconds=seconds)
