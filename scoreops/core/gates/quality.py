"""Gates on quality: answers that have met their labels, alone and in pairs."""

from __future__ import annotations

from dataclasses import replace

from scoreops.core.errors import NotReady
from scoreops.core.gates.answers import STALE_SECONDS, Question, first_version, together
from scoreops.core.gates.checks import Calibration, ExpectedValue, Loss, PairedShadow
from scoreops.core.gates.evidence import Evidence, Paired
from scoreops.core.sequential import Limits
from scoreops.core.sequential_calibration import judge_calibration
from scoreops.core.sequential_losses import Pairs, judge_pairs
from scoreops.core.verdict import Outcome, Verdict, invalid


def calibration(spec: Calibration, question: Question) -> Verdict:
    """Brier score and calibration error of the candidate itself; alpha is shared by those that are asked."""
    seen = current(question.evidence(spec.maturity_seconds), question)
    if seen.unusable:
        return invalid(question.gate, f"{seen.unusable:,} answers hold no probability", seen.labelled)
    asked = [limit for limit in (spec.max_brier, spec.max_ece) if limit is not None]
    verdicts = []
    if spec.max_brier is not None:
        limits = Limits(spec.max_brier, spec.max_brier, spec.alpha / len(asked))
        verdicts.append(judge_pairs(question.gate, seen.brier, limits, what="Brier score", against=""))
    if spec.max_ece is not None:
        verdicts.append(judge_calibration(question.gate, seen.bins, spec.max_ece, spec.alpha / len(asked)))
    return _waiting(together(question.gate, verdicts), seen.answers, seen.labelled)


def paired_shadow(spec: PairedShadow, question: Question) -> Verdict:
    """The candidate's loss is not larger than stable's by the margin; Fail as soon as it is shown to be larger."""
    if question.trial.stable is None:
        return first_version(question)
    pairs = _pairs(current(question.evidence(spec.maturity_seconds), question))
    kept = pairs.brier if spec.loss is Loss.BRIER else pairs.log_loss
    what = "Brier score" if spec.loss is Loss.BRIER else "log loss"
    return _judged(question, pairs, kept, Limits(spec.margin, 0.0, spec.alpha), what)


def expected_value(spec: ExpectedValue, question: Question) -> Verdict:
    """What is lost by deciding with the candidate instead of stable, in money for each request."""
    if question.trial.stable is None:
        return first_version(question)
    pairs = _pairs(current(question.evidence(spec.maturity_seconds, spec.decision), question))
    kept = pairs.value or Pairs(spec.decision.bound)
    return _judged(question, pairs, kept, Limits(spec.margin, 0.0, spec.alpha), "value lost for each request")


def current(seen: Evidence, question: Question) -> Evidence:
    """The evidence, unless it is of another time. Raises NotReady."""
    if seen.read_at is None:
        raise NotReady("the evidence service has not read its log yet")
    behind = (question.now - seen.read_at).total_seconds()
    if behind > STALE_SECONDS:
        raise NotReady(f"the evidence service last had read all of its log {behind:,.0f} s ago")
    return seen


def _pairs(seen: Evidence) -> Paired:
    if seen.pairs is None:
        raise NotReady("the evidence service knows nothing of the stable version")
    return seen.pairs


def _judged(question: Question, pairs: Paired, kept: Pairs, limits: Limits, what: str) -> Verdict:
    verdict = judge_pairs(question.gate, kept, limits, what=what)
    if not pairs.answered and verdict.outcome is Outcome.INSUFFICIENT:
        told = "no request was answered by both versions: copies must go to the candidate (mirror)"
        return replace(verdict, reason=f"{verdict.reason}; {told}")
    return _waiting(verdict, pairs.answered, pairs.labelled)


def _waiting(verdict: Verdict, answered: int, labelled: int) -> Verdict:
    """With how many answers wait for a label, where labels are what is missing."""
    if verdict.outcome is not Outcome.INSUFFICIENT or labelled >= answered:
        return verdict
    return replace(
        verdict, reason=f"{verdict.reason}; {answered - labelled:,} of {answered:,} answers have no label yet"
    )
