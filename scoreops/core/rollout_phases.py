"""What each phase waits for, and what it does then: where an attempt begins and where it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scoreops.core.rollout_aliases import alias_move
from scoreops.core.rollout_gates import judgement
from scoreops.core.rollout_interrupts import wanted
from scoreops.core.rollout_route import on_stable, verified
from scoreops.core.rollout_status import Attempt, Phase, Reason, Status, Traffic
from scoreops.core.rollout_steps import deploying, judging, preflight, progressing, shadowing, soaking, waiting
from scoreops.core.rollout_table import Event
from scoreops.core.rollout_view import View
from scoreops.core.verdict import Outcome


def progress(view: View) -> Status:
    """The next status of the present phase, as far as it may go forward; an invalid spec or a pause holds it."""
    phase = view.status.phase
    if view.observed.plan is None and phase not in {Phase.ROLLING_BACK, Phase.STALLED}:
        return view.say(Reason.INVALID_SPEC, view.observed.plan_error)
    rule = _PHASES.get(phase)
    return rule(view) if rule else view.status


def _resting(view: View) -> Status:
    """Wait for a version to try. Aliases left by the last attempt are put right first."""
    plan, newer = view.observed.plan, wanted(view)
    if plan is None or plan.paused or newer is None or alias_move(view) is not None:
        return view.status
    return view.move(Event.NEW_VERSION, Phase.RESOLVING, Reason.IN_PROGRESS, f"version {newer.version} is new")


def _resolving(view: View) -> Status:
    if view.observed.registry is None:
        return view.say(Reason.REGISTRY_DOWN, "the registry does not answer")
    newer, plan, status = wanted(view), view.observed.plan, view.status
    if newer is None or plan is None:
        traffic = Traffic() if status.stable is not None else status.traffic
        attempt = None if status.stable is not None else status.attempt
        said = "the source names nothing new"
        return view.move(Event.WITHDRAWN, Phase.IDLE, Reason.AT_REST, said, attempt=attempt, traffic=traffic)
    count = status.attempts + 1
    attempt = Attempt(
        id=f"{view.observed.generation}-{count}",
        candidate=newer,
        stable=status.stable,
        plan=plan,
        started_at=view.now,
        previous=view.observed.registry.previous,
    )
    opened = {"attempt": attempt, "attempts": count, "step": None, "traffic": Traffic(), "evidence": ()}
    opened |= {"asked": None, "judged": None, "unknown_since": None, "intent": None}
    beside = f"beside {status.stable.version}" if status.stable else "as the first"
    fresh = view.into(status.model_copy(update=opened))
    said = f"version {newer.version} {beside}"
    return fresh.move(Event.PINNED, Phase.PREFLIGHT, Reason.IN_PROGRESS, said)


def _promoting(view: View) -> Status:
    if not (verified(view) and view.status.traffic.applied == 100):
        return view.say(Reason.WEIGHT_NOT_OBSERVED, "100 % is wanted, and not seen yet")
    if view.observed.registry is None:
        return view.say(Reason.REGISTRY_DOWN, "the aliases wait for the registry; traffic stays at 100 %")
    if alias_move(view) is not None:
        return view.say(Reason.WAITING, "the aliases are being moved")
    version, champion = view.attempt.candidate.version, view.observed.registry.champion
    said, reason = f"all requests go to version {version}", Reason.IN_PROGRESS
    if champion != version:
        said, reason = (
            f"{said}; champion was moved to {champion} by somebody else and is left there",
            Reason.ALIAS_CONFLICT,
        )
    return view.move(Event.ALL_TRAFFIC, Phase.BAKING, reason, said)


def _baking(view: View) -> Status:
    seconds = view.plan.bake.duration_seconds
    found = judgement(view)
    if view.elapsed() < seconds:
        said = f"bake: {view.elapsed():.0f}/{seconds} s"
        return view.say(Reason.WAITING, f"{said}; {found[1]}" if found else said)
    if found is None or not view.serving(view.attempt.candidate):
        return view.status
    outcome, said = found
    if outcome is Outcome.FAIL:
        return view.back(Event.FAILED, Reason.GATE_FAILED, said)
    if outcome is not Outcome.PASS:
        return waiting(view, outcome, said, seconds)
    done = f"version {view.attempt.candidate.version} is stable now"
    status = view.move(Event.BAKED, Phase.COMPLETED, Reason.AT_REST, done, stable=view.attempt.candidate)
    return view.ended(Phase.COMPLETED, status, block=False)


def _rolling_back(view: View) -> Status:
    attempt = view.attempt
    if on_stable(view):
        stable = attempt.stable.version if attempt.stable else "nothing"
        said = f"{view.status.message}; all requests go to {stable}"
        target = attempt.ending
        status = view.move(Event.ON_STABLE, target, attempt.why, said)
        return view.ended(target, status, block=target is Phase.ROLLED_BACK)
    if attempt.stable is None:
        said = "there is no stable version to go back to; traffic stays where it is"
        return view.move(Event.STABLE_LOST, Phase.STALLED, Reason.NO_STABLE, said)
    if not view.ready(attempt.stable):
        said = f"stable version {attempt.stable.version} is not ready; traffic stays where it is"
        return view.move(Event.STABLE_LOST, Phase.STALLED, Reason.STABLE_NOT_READY, said)
    return view.status


def _stalled(view: View) -> Status:
    attempt = view.attempt
    if on_stable(view) or (attempt.stable is not None and view.ready(attempt.stable)):
        return view.move(Event.STABLE_BACK, Phase.ROLLING_BACK, attempt.why, "stable is ready again")
    newer = wanted(view)
    if attempt.stable is None and newer is not None and newer != attempt.candidate:
        said = f"version {newer.version} follows one that failed without a way back"
        return view.move(Event.NEW_VERSION, Phase.RESOLVING, Reason.IN_PROGRESS, said, stable=attempt.candidate)
    return view.status


_PHASES: Mapping[Phase, Callable[[View], Status]] = {
    Phase.IDLE: _resting,
    Phase.COMPLETED: _resting,
    Phase.ROLLED_BACK: _resting,
    Phase.REJECTED: _resting,
    Phase.SUPERSEDED: _resting,
    Phase.RESOLVING: _resolving,
    Phase.PREFLIGHT: preflight,
    Phase.DEPLOYING: deploying,
    Phase.SHADOWING: shadowing,
    Phase.PROGRESSING: progressing,
    Phase.SOAKING: soaking,
    Phase.JUDGING: judging,
    Phase.PROMOTING: _promoting,
    Phase.BAKING: _baking,
    Phase.ROLLING_BACK: _rolling_back,
    Phase.STALLED: _stalled,
}
