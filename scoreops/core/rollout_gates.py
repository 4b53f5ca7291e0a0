"""How the verdicts of a stage combine, which gates are watched now, and when to ask them again."""

from __future__ import annotations

from collections.abc import Sequence

from scoreops.core.rollout_spec import Gate, Gates, enforced
from scoreops.core.rollout_status import Asked, Attempt, Judged, Phase, Reason, Status
from scoreops.core.rollout_view import View
from scoreops.core.rollout_world import EvaluateGates
from scoreops.core.verdict import Outcome, Verdict

_STAGES = {Phase.PREFLIGHT: "preflight", Phase.SHADOWING: "shadow", Phase.BAKING: "bake", Phase.COMPLETED: "bake"}
_WATCHED = {Phase.PROGRESSING, Phase.SOAKING, Phase.PROMOTING}
HELD_BY = {
    Outcome.INSUFFICIENT: Reason.GATE_INSUFFICIENT,
    Outcome.UNKNOWN: Reason.GATE_UNKNOWN,
    Outcome.INVALID: Reason.GATE_INVALID,
}


def combine(verdicts: Sequence[Verdict], gates: Gates, *, final: bool = True) -> tuple[Outcome, str]:
    """One outcome for a stage, and the sentence of the gate that decided it.

    Only enforced gates count. A critical Fail is a Fail at once, any other Fail when the stage is judged (`final`).
    Then the worst of Invalid, Unknown and Insufficient; a gate without a verdict is Unknown, and a Pass over no
    samples, or fewer than needed, is Insufficient. No enforced gate at all is a Pass: nothing was asked for.
    """
    found = {verdict.gate: verdict for verdict in verdicts}
    heard = [(gate, *_outcome(found.get(gate.name), gate)) for gate in enforced(gates)]
    failed = [said for gate, outcome, said in heard if outcome is Outcome.FAIL and (final or gate.critical)]
    if failed:
        return Outcome.FAIL, failed[0]
    for outcome in (Outcome.INVALID, Outcome.UNKNOWN, Outcome.INSUFFICIENT):
        for _, one, said in heard:
            if one is outcome:
                return outcome, said
    return Outcome.PASS, f"{len(heard)} of {len(heard)} gates pass" if heard else "no gates are planned"


def _outcome(verdict: Verdict | None, gate: Gate) -> tuple[Outcome, str]:
    if verdict is None:
        return Outcome.UNKNOWN, f"{gate.name}: no verdict"
    if verdict.outcome is Outcome.PASS and (verdict.n == 0 or verdict.n < verdict.need):
        return Outcome.INSUFFICIENT, f"{gate.name}: {verdict.n}/{max(verdict.need, 1)} samples"
    if verdict.outcome is Outcome.INSUFFICIENT:
        return Outcome.INSUFFICIENT, f"{gate.name}: {verdict.n}/{verdict.need} samples"
    return verdict.outcome, f"{gate.name}: {verdict.reason}"


def stage_of(status: Status) -> str:
    """The stage whose gates are watched now, "" for none. A pause goes on watching what it interrupted."""
    place = status.place
    if place is Phase.JUDGING and status.step is not None:
        return f"step-{status.step.index}"
    return "guard" if place in _WATCHED else _STAGES.get(place, "")


def watched(view: View) -> Gates:
    """The gates to ask now. After completion only critical ones, and only while there is a warm way back."""
    stage = stage_of(view.status)
    if not stage or view.status.attempt is None:
        return ()
    gates = view.plan.gates_of(stage)
    if view.status.phase is Phase.COMPLETED:
        return tuple(gate for gate in enforced(gates) if gate.critical) if warm(view) else ()
    return gates


def warm(view: View) -> bool:
    """Whether the old version is still kept after completion."""
    attempt = view.status.attempt
    return (
        view.status.phase is Phase.COMPLETED
        and attempt is not None
        and attempt.stable is not None
        and view.elapsed() < attempt.plan.rollback_window_seconds
    )


def judgement(view: View, *, final: bool = True) -> tuple[Outcome, str] | None:
    """What the gates of the present stage say, None while their first answer is awaited."""
    stage, judged = stage_of(view.status), view.status.judged
    gates = view.plan.gates_of(stage) if stage else ()
    if not enforced(gates):
        return combine((), ()) if stage else None
    if judged is None or judged.stage != stage or (final and judged.at < view.status.since):
        return None
    return combine(judged.verdicts, gates, final=final)


def heard(view: View) -> Status:
    """The status with the answer that was asked for last, if it has come."""
    asked, judged = view.status.asked, view.status.judged
    if asked is None or (judged is not None and judged.id == asked.id):
        return view.status
    for one in view.observed.evaluations:
        if one.id == asked.id:
            answer = Judged(id=one.id, stage=asked.stage, at=one.at, verdicts=one.verdicts)
            return view.status.model_copy(update={"judged": answer})
    return view.status


def evaluation(view: View) -> tuple[Status, EvaluateGates] | None:
    """The next question, if one is due: at once for another stage, else after `look_seconds`.

    An answer that did not come is asked for again under the same id, so that it is given once.
    """
    gates, stage, asked = watched(view), stage_of(view.status), view.status.asked
    if not gates:
        return None
    fresh = asked is not None and asked.stage == stage and asked.at >= view.status.since
    if asked is not None and fresh and view.elapsed(asked.at) < view.plan.look_seconds:
        return None
    answered = view.status.judged is not None and asked is not None and view.status.judged.id == asked.id
    attempt: Attempt = view.attempt
    if asked is None or asked.stage != stage or answered:
        attempt = attempt.model_copy(update={"asked": attempt.asked + 1})
    name = f"{attempt.id}-{stage}-{attempt.asked}"
    update = {"attempt": attempt, "asked": Asked(id=name, stage=stage, at=view.now)}
    return view.status.model_copy(update=update), EvaluateGates(name, stage, tuple(gate.name for gate in gates))
