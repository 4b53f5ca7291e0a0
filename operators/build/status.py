"""The status as it is stored: the memory of `decide`, and what people and `kubectl wait` read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from operators.api.rollout import Condition, RolloutStatus
from scoreops.core.rollout_gates import combine
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_table import ENDING, MEASURED, RUNNING
from scoreops.core.rollout_world import Observed
from scoreops.core.verdict import Outcome

_TRUE: Final = {True: "True", False: "False", None: "Unknown"}
Found = tuple[str, bool | None, str, str]
"""Type, status, reason and message of a condition."""


def stored(status: Status, observed: Observed, *, url: str, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The object's `status`: what to remember, and what it looks like now. `before` is the one that it replaces."""
    kept = {one["type"]: one for one in before.get("conditions", ())}
    conditions = [_condition(found, kept, observed.generation, now) for found in conditions_of(status, observed)]
    step = status.step
    shown = {
        "observedGeneration": observed.generation,
        "url": url,
        "stage": f"{step.index + 1}/{step.total}" if step and status.attempt else "",
        "split": split(observed.route.weights, observed.route.mirror),
        "conditions": conditions,
    }
    memory = json.loads(status.model_dump_json(by_alias=True, exclude_none=True))
    whole = RolloutStatus.model_validate(memory | shown)
    made: dict[str, Any] = json.loads(whole.model_dump_json(by_alias=True, exclude_none=True))
    return made


def split(weights: Mapping[str, int], mirror: Mapping[str, int]) -> str:
    """Who answers how much, as `kubectl get` shows it."""
    shares = [f"{share}% v{version}" for version, share in sorted(weights.items(), key=lambda one: -one[1])]
    shares += [f"copies {share}% v{version}" for version, share in sorted(mirror.items())]
    return ", ".join(shares)


def conditions_of(status: Status, observed: Observed) -> Iterator[Found]:
    """The nine questions. docs/runbooks has a page for each that asks for somebody."""
    phase, said = status.phase, status.message
    valid = observed.plan is not None
    yield "SpecValid", valid, "Valid" if valid else "InvalidSpec", observed.plan_error
    yield _ready(observed)
    under_way = phase in {*RUNNING, *ENDING, Phase.RESOLVING}
    yield "Progressing", under_way and phase is not Phase.STALLED, str(status.reason), said
    paused = phase is Phase.PAUSED
    yield "Paused", paused, str(status.reason) if paused else "NotPaused", said if paused else ""
    stalled = phase is Phase.STALLED
    yield "Stalled", stalled, str(status.reason) if stalled else "NotStalled", said if stalled else ""
    yield _gates(status)
    measured = status.place in MEASURED
    known = observed.requests is not None
    yield (
        "MetricsAvailable",
        known if measured else None,
        ("Answering" if known else "Away") if measured else "NotAsked",
        "" if known or not measured else "the metrics are away; the weight is held",
    )
    registry = observed.registry is not None
    yield "RegistryAvailable", registry, "Answering" if registry else "Away", ""
    yield _traffic(status)


def _ready(observed: Observed) -> Found:
    ready = {one.version.version for one in observed.services if one.ready}
    asked = [version for version, share in observed.route.weights.items() if share]
    if not asked:
        return "Ready", False, "NoTraffic", "no version has traffic yet"
    missing = sorted(set(asked) - ready)
    if missing:
        return "Ready", False, "NotReady", f"version {', '.join(missing)} has traffic and is not ready"
    return "Ready", True, "Serving", ""


def _gates(status: Status) -> Found:
    judged, attempt = status.judged, status.attempt
    if judged is None or attempt is None:
        return "GatesPassing", None, "NotAsked", ""
    outcome, said = combine(judged.verdicts, attempt.plan.gates_of(judged.stage))
    answer = {Outcome.PASS: True, Outcome.FAIL: False}.get(outcome)
    return "GatesPassing", answer, str(outcome), f"{judged.stage}: {said}"


def _traffic(status: Status) -> Found:
    traffic = status.traffic
    if status.attempt is None and status.stable is None:
        return "TrafficVerified", None, "NoTraffic", ""
    if traffic.settled:
        return "TrafficVerified", True, "AsWanted", ""
    return "TrafficVerified", False, "NotYet", f"{traffic.intended} % is wanted, the route has {traffic.applied} %"


def _condition(found: Found, kept: Mapping[str, Any], generation: int, now: datetime) -> Condition:
    kind, answer, reason, message = found
    old = kept.get(kind)
    same = old is not None and old["status"] == _TRUE[answer]
    since = old["lastTransitionTime"] if old is not None and same else now
    return Condition.model_validate(
        {
            "type": kind,
            "status": _TRUE[answer],
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
            "observedGeneration": generation,
        }
    )
