"""The way up: preflight, deployment, shadow, and the steps with their soak and judgement."""

from __future__ import annotations

from scoreops.core.rollout_gates import HELD_BY, judgement, stage_of
from scoreops.core.rollout_route import verified
from scoreops.core.rollout_status import Pause, Phase, Reason, Status, StepStatus
from scoreops.core.rollout_table import Event
from scoreops.core.rollout_view import View
from scoreops.core.verdict import Outcome


def preflight(view: View) -> Status:
    """Wait for the gates that need no traffic."""
    found = judgement(view)
    if found is None:
        return view.status
    outcome, said = found
    if outcome is Outcome.PASS:
        return _passed(view, said).move(Event.PASSED, Phase.DEPLOYING, Reason.GATE_PASSED, said)
    if outcome is Outcome.FAIL:
        status = view.move(Event.FAILED, Phase.REJECTED, Reason.GATE_FAILED, said)
        return view.ended(Phase.REJECTED, status, block=True)
    return waiting(view, outcome, said)


def deploying(view: View) -> Status:
    """Wait for the candidate to serve, until the deadline."""
    service, candidate = view.service(view.attempt.candidate), view.attempt.candidate.version
    if service is not None and service.failed:
        return view.back(Event.DEPLOY_FAILED, Reason.CANDIDATE_NOT_READY, service.failed)
    if not view.serving(view.attempt.candidate):
        limit = view.plan.progress_deadline_seconds
        if view.elapsed() < limit:
            return view.say(Reason.WAITING, f"version {candidate} is not ready yet")
        return view.back(Event.DEPLOY_FAILED, Reason.DEADLINE_EXCEEDED, f"version {candidate} not ready in {limit} s")
    shadow = view.plan.shadow
    if shadow is None or view.attempt.stable is None:
        return advance(view, Event.READY, f"version {candidate} is ready", following(view))
    traffic = view.status.traffic.model_copy(update={"mirror": shadow.percent})
    said = f"version {candidate} answers copies of {shadow.percent} % of the requests"
    return view.move(Event.READY, Phase.SHADOWING, Reason.IN_PROGRESS, said, traffic=traffic)


def shadowing(view: View) -> Status:
    """Watch the candidate on copies of requests."""
    shadow, found = view.plan.shadow, judgement(view)
    if shadow is None or found is None or not view.status.traffic.settled:
        return view.status
    if view.elapsed() < shadow.duration_seconds:
        return view.say(Reason.WAITING, f"shadow: {view.elapsed():.0f}/{shadow.duration_seconds} s; {found[1]}")
    return _judged(view, found)


def progressing(view: View) -> Status:
    """Wait until the weight is seen."""
    weight = view.status.traffic.intended
    if not verified(view):
        return view.say(Reason.WEIGHT_NOT_OBSERVED, f"{weight} % is wanted, and not seen yet")
    said = f"{weight} % of the requests go to version {view.attempt.candidate.version}"
    return view.move(Event.WEIGHT_OBSERVED, Phase.SOAKING, Reason.IN_PROGRESS, said)


def soaking(view: View) -> Status:
    """Give the step its time and its requests."""
    assert view.status.step is not None
    step, requests = view.plan.steps[view.status.step.index], view.observed.requests
    if requests is None:
        return view.say(Reason.GATE_UNKNOWN, "the metrics are away; the weight is held")
    seen = f"{view.elapsed():.0f}/{step.soak_seconds} s, {requests.candidate}/{step.min_requests} requests"
    if view.elapsed() < step.soak_seconds:
        return view.say(Reason.WAITING, seen)
    if requests.candidate < step.min_requests:
        return _insufficient(view, seen, step.soak_seconds)
    return view.move(Event.SOAKED, Phase.JUDGING, Reason.IN_PROGRESS, seen)


def judging(view: View) -> Status:
    """Ask the gates of the step, then a person if the step says so."""
    assert view.status.step is not None
    index = view.status.step.index
    if not view.status.has(f"step-{index}"):
        found = judgement(view)
        return view.status if found is None else _judged(view, found)
    if view.plan.steps[index].approval and not view.status.has(f"approval-{index}"):
        said = f"step {index + 1} passed; create a RolloutAction Approve to go on"
        pause = Pause(why=Reason.APPROVAL, was=Phase.JUDGING, was_since=view.status.since)
        return view.paused(Event.APPROVAL_NEEDED, Reason.APPROVAL, said, pause)
    return advance(view, Event.PASSED, f"step {index + 1} passed", index + 1)


def _judged(view: View, found: tuple[Outcome, str]) -> Status:
    """A stage with traffic (or its copies) whose gates were asked to the end."""
    outcome, said = found
    if outcome is Outcome.FAIL:
        return view.back(Event.FAILED, Reason.GATE_FAILED, said)
    if outcome is not Outcome.PASS:
        return waiting(view, outcome, said)
    passed = _passed(view, said)
    if view.status.phase is Phase.JUDGING:
        return judging(passed)
    return advance(passed, Event.PASSED, said, following(view))


def advance(view: View, event: Event, said: str, index: int) -> Status:
    """To the weight of step `index`, or to 100 %; held while a side cannot serve or a provider is away."""
    attempt, blind = view.attempt, view.blind
    if blind is not None:
        return view.say(*blind)
    if attempt.stable is not None and not view.ready(attempt.stable):
        return view.say(Reason.STABLE_NOT_READY, f"stable version {attempt.stable.version} is not ready; weight held")
    if not view.serving(attempt.candidate):
        return view.say(Reason.CANDIDATE_NOT_READY, f"version {attempt.candidate.version} is not ready; weight held")
    weight, mirror = view.plan.steps[index].weight, view.plan.steps[index].mirror
    traffic = {"intended": weight, "mirror": mirror, "verified_at": None}
    return view.move(
        event,
        Phase.PROMOTING if weight == 100 else Phase.PROGRESSING,
        Reason.IN_PROGRESS,
        f"{said}; next is {weight} %",
        step=StepStatus(index=index, total=len(view.plan.steps), since=view.now),
        traffic=view.status.traffic.model_copy(update=traffic),
    )


def following(view: View) -> int:
    """The index of the next step; the first version of all has nobody to share with and takes the last."""
    if view.attempt.stable is None:
        return len(view.plan.steps) - 1
    return 0 if view.status.step is None else view.status.step.index + 1


def _passed(view: View, said: str) -> View:
    """With the Pass of the present stage stored."""
    judged, stage = view.status.judged, stage_of(view.status)
    source = judged.id if judged is not None and judged.stage == stage else said
    return view.into(view.status.proving(stage, source, view.now))


def waiting(view: View, outcome: Outcome, said: str, grace: float = 0) -> Status:
    """Not a Pass: hold, and say what is missing. Only too few samples have a limit here; see `outage` for Unknown."""
    if outcome is Outcome.INSUFFICIENT:
        return _insufficient(view, said, grace)
    return view.say(HELD_BY[outcome], said)


def _insufficient(view: View, said: str, grace: float = 0) -> Status:
    if view.elapsed() < grace + view.plan.max_wait_seconds:
        return view.say(Reason.GATE_INSUFFICIENT, said)
    pause = Pause(why=Reason.GATE_INSUFFICIENT, was=view.status.phase, was_since=view.status.since)
    return view.paused(Event.INSUFFICIENT, Reason.GATE_INSUFFICIENT, said, pause)
