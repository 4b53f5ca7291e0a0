"""RolloutActions: which verb may do what in which phase. Every action gets one answer, with why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scoreops.core.rollout_gates import warm
from scoreops.core.rollout_route import step_stages
from scoreops.core.rollout_status import KEPT_ANSWERS, Answer, Pause, Phase, Reason, Status
from scoreops.core.rollout_steps import advance, following
from scoreops.core.rollout_table import RESTING, RUNNING, STEPPING, Event
from scoreops.core.rollout_view import View
from scoreops.core.rollout_world import Action, Verb

_SKIPPABLE = {Phase.SHADOWING, *STEPPING}
_URGENT = {Verb.ROLLBACK, Verb.ABORT, Verb.PAUSE}
"""Verbs that only hold or take back: they come before any other that waits."""


def acting(view: View) -> Status:
    """The status after the first action that has no answer yet; the way back comes before the way forward."""
    answered = {answer.action for answer in view.status.answers}
    waiting = [action for action in view.observed.actions if action.id not in answered]
    if not waiting:
        return view.status
    action = min(waiting, key=lambda one: (one.verb not in _URGENT, one.id))
    attempt = view.status.attempt
    if action.attempt is not None and (attempt is None or attempt.id != action.attempt):
        return answer(view.status, action, None, f"it is meant for attempt {action.attempt}")
    return _VERBS[action.verb](view, action)


def answer(status: Status, action: Action, accepted: str | None, refused: str = "") -> Status:
    """`status` with the answer noted; answers that were told are forgotten when there are too many."""
    one = Answer(action=action.id, accepted=accepted is not None, why=refused if accepted is None else accepted)
    open_ones = [old for old in status.answers if not old.told]
    told = [old for old in status.answers if old.told][-KEPT_ANSWERS:]
    return status.model_copy(update={"answers": (*told, *open_ones, one)})


def _back(view: View, action: Action) -> Status:
    phase = view.status.phase
    may = phase in RUNNING or phase is Phase.PAUSED or (action.verb is Verb.ROLLBACK and warm(view))
    if phase in {Phase.ROLLING_BACK, Phase.STALLED}:
        return answer(view.status, action, "it is on its way back already")
    if not may:
        return answer(view.status, action, None, f"{phase} has nothing to take back")
    said = f"{action.verb} by {action.by}"
    return answer(view.back(Event.ROLLBACK_ASKED, Reason.ACTION, said), action, "traffic goes back to stable")


def _pause(view: View, action: Action) -> Status:
    status = view.status
    if status.phase not in RUNNING and status.phase is not Phase.PAUSED:
        return answer(status, action, None, f"{status.phase} cannot be paused; spec.paused keeps it at rest")
    said = f"paused by {action.by}"
    if status.pause is None:
        pause = Pause(why=Reason.USER, was=status.phase, was_since=status.since)
        return answer(view.paused(Event.PAUSE_ASKED, Reason.USER, said, pause), action, "the weight is held")
    length = view.now - status.since
    pause = status.pause.model_copy(
        update={"why": Reason.USER, "by_spec": False, "was_since": status.pause.was_since + length}
    )
    return answer(view.paused(Event.PAUSE_ASKED, Reason.USER, said, pause), action, "held by you now")


def _resume(view: View, action: Action) -> Status:
    pause, plan = view.status.pause, view.observed.plan
    if pause is None:
        return answer(view.status, action, None, f"{view.status.phase} is not paused")
    if pause.why is Reason.APPROVAL:
        return answer(view.status, action, None, "it waits for Approve")
    if plan is not None and plan.paused:
        return answer(view.status, action, None, "spec.paused is true")
    return answer(view.resumed(f"resumed by {action.by}"), action, "it goes on")


def _approve(view: View, action: Action) -> Status:
    pause, step = view.status.pause, view.status.step
    if pause is None or pause.why is not Reason.APPROVAL or step is None:
        return answer(view.status, action, None, "nothing waits for approval")
    proved = view.status.proving(f"approval-{step.index}", f"Approve by {action.by}", view.now)
    return answer(view.into(proved).resumed(f"approved by {action.by}"), action, "it goes on")


def _retry(view: View, action: Action) -> Status:
    status = view.status
    attempt = status.attempt
    if status.phase not in RESTING or attempt is None:
        return answer(status, action, None, f"{status.phase} has nothing to retry")
    kept = tuple(one for one in status.blocked if one.version != attempt.candidate.version)
    if len(kept) == len(status.blocked):
        return answer(status, action, None, f"version {attempt.candidate.version} is not blocked")
    return answer(status.model_copy(update={"blocked": kept}), action, "it may be tried again")


def _skip(view: View, action: Action) -> Status:
    """SkipStep passes the present stage in that person's name, Promote all stages that are left."""
    status = view.status
    if status.place not in _SKIPPABLE:
        return answer(status, action, None, f"{status.place} has no step to skip")
    if view.observed.plan is None or view.observed.plan.paused:
        return answer(status, action, None, "spec.paused is true or the spec is invalid")
    step, plan = status.step, view.plan
    target = len(plan.steps) - 1 if action.verb is Verb.PROMOTE else following(view)
    source, passed = f"{action.verb} by {action.by}", status
    stages = ("shadow",) if plan.shadow else ()
    skipped = (name for one in range(step.index if step else 0, target) for name in step_stages(plan, one))
    for stage in (*stages, *skipped):
        passed = passed.proving(stage, source, view.now)
    moved = advance(view.into(passed), Event.SKIPPED, source, target)
    if moved.moves == status.moves:
        return answer(status, action, None, moved.message)
    return answer(moved, action, "it goes on")


_VERBS: Mapping[Verb, Callable[[View, Action], Status]] = {
    Verb.PROMOTE: _skip,
    Verb.ROLLBACK: _back,
    Verb.ABORT: _back,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.APPROVE: _approve,
    Verb.RETRY: _retry,
    Verb.SKIP_STEP: _skip,
}
