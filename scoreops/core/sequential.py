"""Two-sample tests that may be looked at after every request: what both kinds share.

A test here is an e-process: a number that starts at 1 and whose mean stays at or below 1 for as long as the hypothesis
it speaks against is true. By Ville's inequality it then reaches 1 / alpha with probability alpha at most, however often
and whenever somebody looks (Ville 1939; Howard, Ramdas, McAuliffe and Sekhon 2021; Ramdas, Grünwald, Vovk and Shafer
2023). Johari, Koomen, Pekelis and Walsh ("Peeking at A/B tests", 2017) brought the idea, there as a mixture likelihood
ratio (mSPRT), to experiments on the web.

Each gate speaks against two hypotheses. "At most `fail_above` worse" refuted is Fail; "at least `pass_below` worse"
refuted is Pass. Each is wrong with probability alpha at most over the whole run. Until one is refuted the answer is
Insufficient, with the number of samples after which the test would decide if what was seen went on.

`sequential_rates` compares shares of errors under a traffic split, `sequential_losses` losses on the same requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.verdict import Outcome, Verdict, invalid

Array = NDArray[np.float64]

NEVER: Final = 10**9
"""The `need` of a test that would not decide at any number of samples that somebody will wait for."""
_STEPS: Final = 400


@dataclass(frozen=True)
class Limits:
    """What is tolerated, in the unit of the difference "candidate - stable", where more is worse.

    alpha       probability of a wrong Fail, and of a wrong Pass, over the whole run; in (0, 0.5)
    fail_above  Fail once the difference is shown to be above this; 0 means: worse at all
    pass_below  Pass once it is shown to be below this, the margin of non-inferiority; not under `fail_above`

    With both equal there is one margin, and a candidate exactly on it is never decided. A candidate between the two
    may get either answer, and both are true.
    """

    pass_below: float
    fail_above: float = 0.0
    alpha: float = 0.01

    def problem(self, bound: float) -> str:
        """Why these limits make no sense for differences within +-bound, or ""."""
        if not 0 < self.alpha < 0.5:
            return f"alpha is {self.alpha:g}, must be between 0 and 0.5"
        if not (abs(self.fail_above) < bound and abs(self.pass_below) < bound):
            return f"limits {self.fail_above:g} and {self.pass_below:g} must lie within +-{bound:g}"
        if self.pass_below < self.fail_above:
            return f"pass_below {self.pass_below:g} is under fail_above {self.fail_above:g}"
        return ""

    @property
    def threshold(self) -> float:
        """The logarithm of the e-value that decides, in nats."""
        return -math.log(self.alpha)


@dataclass(frozen=True)
class Evidence:
    """Logarithms of e-values, in nats, of one look or (arrays) of many; NaN nowhere.

    worse   against "at most `fail_above` worse"
    fine    against "at least `pass_below` worse"
    """

    worse: Array
    fine: Array


def answer(
    gate: str, what: str, limits: Limits, *, n: int, value: float, seen: Evidence, later: Callable[[Array], Evidence]
) -> Verdict:
    """The verdict on what was seen.

    `value` is the observed difference, `later` the evidence to expect after so many samples if it goes on like this.
    No sample, or an e-value that is no number, decides nothing.
    """
    worse, fine = float(seen.worse), float(seen.fine)
    if n > 0 and worse >= limits.threshold:
        outcome, limit, log_e = Outcome.FAIL, limits.fail_above, worse
    elif n > 0 and fine >= limits.threshold:
        outcome, limit, log_e = Outcome.PASS, limits.pass_below, fine
    elif math.isnan(worse) or math.isnan(fine):
        return invalid(gate, f"{what}: the evidence is no number", n)
    else:
        need = _need(n, limits.threshold, later)
        more = "no end in sight" if need == NEVER else f"about {need - n:,} more"
        reason = f"{what}, not decided at alpha {limits.alpha:g} after {n:,}; {more} at what was seen so far"
        return Verdict(gate, Outcome.INSUFFICIENT, n, need, value if n else None, limits.pass_below, reason)
    side = "above" if outcome is Outcome.FAIL else "below"
    shown = f"shown to be {side} {limit:.4g} at alpha {limits.alpha:g}"
    return Verdict(gate, outcome, n, n, value, limit, f"{what}, {shown} (e-value {math.exp(min(log_e, 99)):.3g})")


def _need(n: int, threshold: float, later: Callable[[Array], Evidence]) -> int:
    """The first number of samples, in steps of about 5 %, at which one of the two e-values would decide."""
    asked = np.unique(np.ceil(np.geomspace(n + 1, NEVER, _STEPS)))
    found = later(asked)
    decided = np.nonzero((found.worse >= threshold) | (found.fine >= threshold))[0]
    return int(asked[decided[0]]) if len(decided) else NEVER


def shrunk(difference: float, variance: float, scale: float) -> float:
    """The observed difference, pulled to 0 as far as its `variance` says that it is noise.

    It is the mean of what to believe when differences of about `scale` are usual before anything was seen. Plans are
    made with it: the first error of a candidate is no reason to expect nothing but errors.
    """
    return difference * scale**2 / (scale**2 + variance) if scale > 0 else difference


def log_mean_exp(values: Array, weights: Array) -> Array:
    """Log of the weighted mean of exp(values) over the last axis; weights (J,) sum to 1."""
    top = np.max(values, axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(values - top) @ weights))
