"""What judges of gates share: the question, and verdicts that are made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from scoreops.core.errors import BadInput
from scoreops.core.gates.checks import Decision
from scoreops.core.gates.evidence import Evidence, Wanted
from scoreops.core.gates.ports import Sources, Trial
from scoreops.core.verdict import Outcome, Verdict

STALE_SECONDS: Final = 120
"""Numbers that are older say nothing about now."""
_WORST: Final = (Outcome.FAIL, Outcome.INVALID, Outcome.UNKNOWN, Outcome.INSUFFICIENT)
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One gate, and what it is asked about. A judge raises NotReady where the answer is Unknown, BadInput where the
    template is wrong.
    """

    gate: str
    trial: Trial
    sources: Sources
    now: datetime

    @property
    def seconds(self) -> float:
        """Since the stage's traffic had settled."""
        return (self.now - self.trial.since).total_seconds()

    def evidence(
        self, maturity_seconds: int = 0, decision: Decision | None = None, feature_seconds: float | None = None
    ) -> Evidence:
        """What the evidence service knows. Raises NotReady when it is away or behind its log."""
        trial = self.trial
        wanted = Wanted(
            model=trial.model,
            candidate=trial.candidate,
            stable=trial.stable,
            since=trial.since,
            maturity_seconds=maturity_seconds,
            decision=decision,
            feature_seconds=feature_seconds,
        )
        return needed(self.sources.evidence, "evidence service").read(wanted)


def needed(source: T | None, name: str) -> T:
    """The source. Raises BadInput where none is set up."""
    if source is None:
        raise BadInput(f"no {name} is set up for this rollout")
    return source


def first_version(question: Question) -> Verdict:
    """The verdict of a comparison where there is no stable version."""
    return Verdict(question.gate, Outcome.PASS, 1, 1, None, None, "the first version has none to be compared with")


def together(gate: str, verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several as one; among those that wait, the one that waits longest. None is Invalid's business."""
    for outcome in _WORST:
        found = [verdict for verdict in verdicts if verdict.outcome is outcome]
        if found:
            return replace(max(found, key=lambda verdict: verdict.need - verdict.n), gate=gate)
    reason = "; ".join(verdict.reason for verdict in verdicts)
    return replace(min(verdicts, key=lambda verdict: verdict.n), gate=gate, reason=reason)
