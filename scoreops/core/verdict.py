"""What a gate says: Pass, Fail, or Insufficient with how much it had and how much it needs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The three answers. Too few rows is never a pass and never an alarm."""

    PASS = "Pass"  # noqa: S105 - not a password
    FAIL = "Fail"
    INSUFFICIENT = "Insufficient"


@dataclass(frozen=True)
class Verdict:
    """One gate's answer with its evidence: `n` of `need` samples, the `value` judged and the `limit` it met."""

    gate: str
    outcome: Outcome
    n: int
    need: int
    value: float | None
    limit: float | None
    reason: str

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


def all_pass(verdicts: list[Verdict]) -> bool:
    """Whether every gate said Pass; no gates is not a pass."""
    return bool(verdicts) and all(verdict.outcome is Outcome.PASS for verdict in verdicts)
