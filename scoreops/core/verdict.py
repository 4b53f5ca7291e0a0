"""What a gate says: Pass, Fail, Insufficient with how much it had and needs, or that it could not be asked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The five answers. Only Pass is a pass; only Fail speaks against a candidate.

    Insufficient: too few samples so far. Unknown: who should provide the numbers is away. Invalid: the question makes
    no sense as it was put, or the numbers are none.
    """

    PASS = "Pass"  # noqa: S105 - not a password
    FAIL = "Fail"
    INSUFFICIENT = "Insufficient"
    UNKNOWN = "Unknown"
    INVALID = "Invalid"


@dataclass(frozen=True)
class Verdict:
    """One gate's answer with its evidence: `n` of `need` samples, the `value` judged and the `limit` it met."""

    gate: str
    outcome: Outcome
    n: int
    need: int
    value: float | None = None
    limit: float | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def judge(gate: str, value: float, limit: float, *, n: int, need: int, at_least: bool, what: str) -> Verdict:
    """Compare a number with its limit, if there were enough samples.

    Pass when `value` >= `limit` (`at_least`) or <= `limit` (otherwise); NaN is Insufficient.
    """
    sign = ">=" if at_least else "<="
    if n < need or math.isnan(value):
        return Verdict(gate, Outcome.INSUFFICIENT, n, need, None, limit, f"{what}: {n} samples of {need} needed")
    good = value >= limit if at_least else value <= limit
    reason = f"{what} is {value:.4g}, must be {sign} {limit:.4g}"
    return Verdict(gate, Outcome.PASS if good else Outcome.FAIL, n, need, value, limit, reason)


def holds(gate: str, good: bool, n: int, reason: str) -> Verdict:  # noqa: FBT001
    """Pass or Fail of what was looked at in `n` samples."""
    return Verdict(gate, Outcome.PASS if good else Outcome.FAIL, n, 1, None, None, reason)


def unknown(gate: str, reason: str) -> Verdict:
    """The provider of the numbers did not answer; `reason` says who and how."""
    return Verdict(gate, Outcome.UNKNOWN, 0, 0, None, None, reason)


def invalid(gate: str, reason: str, n: int = 0) -> Verdict:
    """The settings make no sense, or what came after `n` samples is no number; waiting will not help."""
    return Verdict(gate, Outcome.INVALID, n, 0, None, None, reason)


def all_pass(verdicts: list[Verdict]) -> bool:
    """Whether every gate said Pass; no gates is not a pass."""
    return bool(verdicts) and all(verdict.outcome is Outcome.PASS for verdict in verdicts)
