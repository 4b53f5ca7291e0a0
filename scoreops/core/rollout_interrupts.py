"""What may happen at any time: deletion, a lost candidate, a failed gate, an outage, a newer version, spec.paused."""

from __future__ import annotations

from scoreops.core.rollout_gates import combine, judgement, stage_of, warm
from scoreops.core.rollout_spec import Deletion, Supersede, Then, enforced
from scoreops.core.rollout_status import Pause, Phase, Reason, Status, Version
from scoreops.core.rollout_table import MEASURED, RUNNING, STEPPING, Event
from scoreops.core.rollout_view import View
from scoreops.core.verdict import Outcome

_ANSWER_SECONDS = 120
_REPLACEABLE = {Phase.PREFLIGHT, Phase.DEPLOYING, Phase.SHADOWING, *STEPPING}


def deleting(view: View) -> Status:
    """The object is going: its traffic goes to stable first, or stays as it is if the policy says Keep."""
    if not view.observed.deleting or view.status.phase is Phase.TERMINATING:
        return view.status
    traffic = view.status.traffic
    attempt = view.status.attempt
    ours = attempt is not None and attempt.stable is not None and attempt.candidate != view.status.stable
    if ours and not keeps(view):
        traffic = traffic.model_copy(update={"intended": 0, "mirror": 0})
    return view.move(Event.DELETED, Phase.TERMINATING, Reason.DELETED, "the rollout is being deleted", traffic=traffic)


def keeps(view: View) -> bool:
    """Whether deletion leaves services and traffic alone."""
    plan = view.observed.plan or (view.status.attempt.plan if view.status.attempt else None)
    return plan is not None and plan.deletion is Deletion.KEEP


def lost(view: View) -> Status:
    """A candidate that has traffic, or is meant to have it, and cannot answer: back at once."""
    status = view.status
    if status.place not in MEASURED or not (status.traffic.intended or status.traffic.mirror):
        return status
    if view.ready(view.attempt.candidate) or view.attempt.stable is None:
        return status
    name = view.attempt.candidate.version
    return view.back(Event.NOT_READY, Reason.CANDIDATE_NOT_READY, f"version {name} is not ready and has traffic")


def failing(view: View) -> Status:
    """A critical gate that failed in the last evaluation of this attempt."""
    status, judged = view.status, view.status.judged
    if judged is None or not (status.place in MEASURED or warm(view)):
        return status
    if status.asked is None or judged.stage == "preflight":
        return status
    outcome, said = combine(judged.verdicts, view.plan.gates_of(judged.stage), final=False)
    return view.back(Event.FAILED, Reason.GATE_FAILED, said) if outcome is Outcome.FAIL else status


def outage(view: View) -> Status:  # noqa: PLR0911 - one line per case
    """Numbers that are away hold the weight; after the stated time what the plan says."""
    status = view.status
    if status.place not in MEASURED:
        return status.model_copy(update={"unknown_since": None}) if status.unknown_since else status
    known, said = _known(view)
    if known:
        if status.unknown_since is None:
            return status
        status = status.model_copy(update={"unknown_since": None})
        waiting = status.pause is not None and status.pause.why is Reason.GATE_UNKNOWN
        return view.into(status).resumed("the numbers are back") if waiting else status
    if status.unknown_since is None:
        return status.model_copy(update={"unknown_since": view.now})
    rule = view.plan.on_unknown
    if status.phase is Phase.PAUSED or rule.then is Then.HOLD or view.elapsed(status.unknown_since) < rule.hold_seconds:
        return status
    said = f"{said}; for longer than {rule.hold_seconds} s"
    if rule.then is Then.ROLLBACK:
        return view.back(Event.UNKNOWN_TOO_LONG, Reason.GATE_UNKNOWN, said)
    pause = Pause(why=Reason.GATE_UNKNOWN, was=status.phase, was_since=status.since)
    return view.paused(Event.UNKNOWN_TOO_LONG, Reason.GATE_UNKNOWN, said, pause)


def _known(view: View) -> tuple[bool, str]:
    """Whether requests and gates can be read now."""
    if view.status.traffic.intended and view.observed.requests is None:
        return False, "the metrics are away"
    stage, judged = stage_of(view.status), view.status.judged
    asked_for = bool(stage) and bool(enforced(view.plan.gates_of(stage)))
    if asked_for and _silent(view, stage):
        return False, "the gates do not answer"
    if asked_for and (judged is None or judged.stage != stage):
        return view.status.unknown_since is None, "no answer yet"
    found = judgement(view, final=False)
    return (True, "") if found is None else (found[0] is not Outcome.UNKNOWN, found[1])


def _silent(view: View, stage: str) -> bool:
    """Whether nothing was heard of the gates for longer than an answer may take."""
    judged, heard = view.status.judged, view.status.since
    if judged is not None and judged.stage == stage:
        heard = max(heard, judged.at)
    return view.elapsed(heard) > view.plan.look_seconds + _ANSWER_SECONDS


def superseding(view: View) -> Status:
    """Another version was named while this one is on its way, and the plan says Replace."""
    plan = view.observed.plan
    if plan is None or plan.supersede is not Supersede.REPLACE or view.status.place not in _REPLACEABLE:
        return view.status
    newer = wanted(view)
    if newer is None or newer == view.attempt.candidate:
        return view.status
    said = f"version {newer.version} takes the place of {view.attempt.candidate.version}"
    return view.back(Event.SUPERSEDED, Reason.NEWER_VERSION, said, ending=Phase.SUPERSEDED)


def pausing(view: View) -> Status:
    """spec.paused holds and lets go; a person's pause is not ended by it."""
    plan, status = view.observed.plan, view.status
    if plan is None:
        return status
    if plan.paused and status.phase in RUNNING:
        pause = Pause(why=Reason.USER, was=status.phase, was_since=status.since, by_spec=True)
        return view.paused(Event.PAUSE_ASKED, Reason.USER, "spec.paused is true", pause)
    if not plan.paused and status.pause is not None and status.pause.by_spec:
        return view.resumed("spec.paused is false again")
    return status


def wanted(view: View) -> Version | None:
    """The version that the source names, if it may be tried: not the stable one, and not blocked under this spec."""
    candidate = view.observed.registry.candidate if view.observed.registry else None
    stable = view.status.stable
    if candidate is None or (stable is not None and stable.version == candidate.version):
        return None
    for one in view.status.blocked:
        same = (one.version, one.digest) == (candidate.version, candidate.digest)
        if same and one.generation == view.observed.generation:
            return None
    return candidate
