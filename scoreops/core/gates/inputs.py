"""Gates on what models read: drift of the inputs, freshness of features and labels, skew against the feature store."""

from __future__ import annotations

from dataclasses import replace

from scoreops.core.drift import Shift, drift_verdict
from scoreops.core.errors import NotReady
from scoreops.core.gates.answers import Question, together
from scoreops.core.gates.checks import Drift, Freshness, Skew
from scoreops.core.gates.evidence import Fresh
from scoreops.core.gates.quality import current
from scoreops.core.sequential import Limits
from scoreops.core.sequential_losses import judge_pairs, of_counts
from scoreops.core.verdict import Outcome, Verdict, judge


def drift(spec: Drift, question: Question) -> Verdict:
    """Fail when more of the features moved than may; `n` and `need` count rows."""
    seen = current(question.evidence(), question).drift
    if seen.problem:
        raise NotReady(seen.problem)
    moved = [Shift(one.feature, one.psi, one.p_value, one.moved) for one in seen.moved]
    weights = seen.importance if spec.weighted and any(seen.importance.values()) else None
    return replace(drift_verdict(moved, seen.rows, weights=weights, limit=spec.max_share), gate=question.gate)


def freshness(spec: Freshness, question: Question) -> Verdict:
    """Features by their share of stale ones; labels by the newest. Late labels hold a rollout, they fail nobody."""
    seen = current(question.evidence(feature_seconds=spec.max_feature_seconds), question).fresh
    verdicts = []
    if spec.max_feature_seconds is not None:
        limits = Limits(spec.max_stale, spec.max_stale, spec.alpha)
        what = f"share of answers on features older than {spec.max_feature_seconds:g} s"
        verdicts.append(judge_pairs(question.gate, of_counts(seen.stale, seen.known), limits, what=what, against=""))
    if spec.max_label_seconds is not None:
        verdicts.append(_labels(spec.max_label_seconds, seen, question))
    return together(question.gate, verdicts)


def _labels(limit: float, seen: Fresh, question: Question) -> Verdict:
    if seen.newest_label is None:
        return Verdict(question.gate, Outcome.INSUFFICIENT, 0, 1, None, limit, "no label has come yet")
    age = (question.now - seen.newest_label).total_seconds()
    fresh = age <= limit
    reason = f"the newest label came {age:,.0f} s ago, at most {limit:,.0f} s are tolerated"
    outcome = Outcome.PASS if fresh else Outcome.INSUFFICIENT
    return Verdict(question.gate, outcome, int(fresh), 1, age, limit, reason)


def skew(spec: Skew, question: Question) -> Verdict:
    """Served features are those of the feature store, but for a share of the values; `n` and `need` count rows."""
    seen = current(question.evidence(), question).skew
    if seen.problem:
        raise NotReady(seen.problem)
    share = seen.differing / seen.values if seen.values else 0.0
    what = "share of served values that differ from the feature store's"
    verdict = judge(question.gate, share, spec.max_share, n=seen.rows, need=spec.need, at_least=False, what=what)
    return replace(verdict, reason=f"{verdict.reason}; most in {seen.worst}") if seen.worst else verdict
