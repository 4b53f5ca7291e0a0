"""The decision about one rollout: what to remember, the one thing to do now, and when to look again.

The caller's loop, one per object:

    observe -> decide -> write the status (fenced by the object's resourceVersion) -> do the act -> observe ...

The status is written before each act, changed or not, so that whoever acts has seen the newest status; an act's effect
is read back by the next look, so that a crash between any two writes ends where the undisturbed run does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scoreops.core.rollout_acts import next_act
from scoreops.core.rollout_gates import heard
from scoreops.core.rollout_interrupts import deleting, failing, lost, outage, pausing, superseding
from scoreops.core.rollout_phases import progress
from scoreops.core.rollout_route import read_back
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_table import RESTING
from scoreops.core.rollout_verbs import acting
from scoreops.core.rollout_view import View, later
from scoreops.core.rollout_world import Decision, Observed

REST_SECONDS = 30
"""How often a rollout at rest looks at its source."""
_RULES = (deleting, lost, failing, acting, superseding, pausing, outage, progress)
"""Most urgent first; the first one that moves ends the decision."""
_IDLE = (*RESTING, Phase.STALLED)


def decide(observed: Observed, now: datetime) -> Decision:
    """One step of one rollout. Same inputs, same decision: no clock, no randomness, no outside world.

    `now` must be aware. A decision either moves the phase (and asks for another look at once) or asks for at most one
    act, or only waits.
    """
    view = View(observed, _acknowledged(observed, now), now)
    for rule in _RULES:
        status = rule(view)
        if status.moves != view.status.moves:
            return Decision(status, None, now)
        view = view.into(status)
    status, act, retry = next_act(view)
    pending = {action.id for action in observed.actions} - {answer.action for answer in status.answers}
    if act is not None or pending:
        return Decision(status, act, now)
    pace = REST_SECONDS if status.phase in _IDLE or status.attempt is None else status.attempt.plan.look_seconds
    again = later(now, pace)
    return Decision(status, None, again if retry is None else min(again, retry))


def _acknowledged(observed: Observed, now: datetime) -> Status:
    """The stored status with what was read back: traffic, verdicts, answers and notices that were delivered."""
    status = _not_ahead(observed.status, now)
    waiting = {action.id for action in observed.actions}
    answers = tuple(
        answer if answer.told or answer.action in waiting else answer.model_copy(update={"told": True})
        for answer in status.answers
    )
    notices = tuple(notice for notice in status.notices if notice.id not in observed.notified)
    status = status.model_copy(update={"answers": answers, "notices": notices})
    if status.stable is None and status.attempt is None:
        whole = next((name for name, share in observed.route.weights.items() if share == 100), None)
        found = next((one.version for one in observed.services if one.version.version == whole), None)
        status = status.model_copy(update={"stable": found})
    view = View(observed, status, now)
    view = view.into(heard(view))
    return read_back(view)


def _not_ahead(status: Status, now: datetime) -> Status:
    """The status with no moment that is still to come.

    A clock may be set back, and another replica's may be ahead: what rests, or is asked every few seconds, would wait
    for as long as that.
    """
    update = {
        "intent": _past(status.intent, "tried_at", now),
        "asked": _past(status.asked, "at", now),
        "judged": _past(status.judged, "at", now),
        "traffic": _past(_past(status.traffic, "settled_at", now), "verified_at", now),
        "pause": _past(status.pause, "was_since", now),
        "answers": tuple(_past(answer, "tried_at", now) for answer in status.answers),
        "notices": tuple(_past(notice, "tried_at", now) for notice in status.notices),
    }
    made: Status = _past(_past(status.model_copy(update=update), "since", now), "unknown_since", now)
    return made


def _past(part: Any, name: str, now: datetime) -> Any:
    at = getattr(part, name, None)
    return part.model_copy(update={name: now}) if at is not None and at > now else part
