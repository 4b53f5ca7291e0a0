"""Losses of stable and candidate on the same requests (shadow), judged after every pair.

Let d be candidate's loss - stable's loss on one request, within +-bound and with mean mu. For a stake k with
|k| * bound < 1 the product of all (1 + k d) has, when mu <= m and k > 0, a mean of at most (1 + k m)^n; so

    e(m) = product of (1 + k d) / (1 + k m)^n

is an e-process against "mu <= m", and with k < 0 one against "mu >= m". It is a bet of a fixed share of one's wealth on
the next difference (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024), written
so that m stands outside the product. Hence the sums of log(1 + k d) over a ladder of stakes are the whole state: they
add up over batches in any order, they answer for every m, and where e(m) meets 1 / alpha is a confidence sequence. The
stakes are mixed evenly; the one that grows fastest is about (mu - m) / variance, so the test adapts to the variance.

It is exact from the first pair on. An asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
2021) needs no bound, but promises nothing for small n, which is where a canary is judged. As log(1 + k m) is concave in
m, the statements hold for the running average of the means too, should they drift.

The bound has its price: no stake is above 1 / bound. `losses` says how each loss comes by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from scoreops.core.errors import BadInput
from scoreops.core.sequential import Array, Evidence, Limits, answer, log_mean_exp, shrunk
from scoreops.core.verdict import Verdict, invalid

STAKES: Final = 0.95 / 2.0 ** np.arange(10)
"""Stakes as shares of 1 / bound, each way."""
_WEIGHTS: Final = np.full(len(STAKES), 1 / len(STAKES))
_HALVINGS: Final = 60


@dataclass(frozen=True)
class Pairs:
    """What is kept of the differences since the shadow began.

    bound     the differences lie within +-bound
    n         usable pairs
    unusable  pairs whose difference was no number or outside; they make every verdict Invalid
    total     sum of the differences, `squares` that of their squares
    up, down  sums of log(1 + k d) over the STAKES, k > 0 and k < 0
    """

    bound: float
    n: int = 0
    unusable: int = 0
    total: float = 0.0
    squares: float = 0.0
    up: tuple[float, ...] = (0.0,) * len(STAKES)
    down: tuple[float, ...] = (0.0,) * len(STAKES)

    def __post_init__(self) -> None:
        if not 0 < self.bound < math.inf:
            raise BadInput(f"{self.bound:g} bounds nothing", "bound")
        if self.n < 0 or self.unusable < 0:
            raise BadInput("a count below 0", "n")
        if not len(self.up) == len(self.down) == len(STAKES):
            raise BadInput(f"{len(self.up)} and {len(self.down)} sums where {len(STAKES)} are kept", "up")
        if not all(map(math.isfinite, (self.total, self.squares, *self.up, *self.down))):
            raise BadInput("a sum that is no number", "total")

    def plus(self, differences: ArrayLike) -> Pairs:
        """With a batch of differences (n,) more, in any order."""
        given = np.asarray(differences, dtype=np.float64).ravel()
        d = given[np.abs(given) <= self.bound]
        batch = Pairs(
            self.bound,
            len(d),
            len(given) - len(d),
            float(d.sum()),
            float(d @ d),
            tuple(log_bets(d, self.bound).sum(axis=0).tolist()),
            tuple(log_bets(-d, self.bound).sum(axis=0).tolist()),
        )
        return self + batch

    def __add__(self, other: Pairs) -> Pairs:
        """Both batches as one. Raises BadInput when their bounds differ."""
        if other.bound != self.bound:
            raise BadInput(f"bounds {self.bound:g} and {other.bound:g} differ", "bound")
        return Pairs(
            self.bound,
            self.n + other.n,
            self.unusable + other.unusable,
            self.total + other.total,
            self.squares + other.squares,
            tuple(a + b for a, b in zip(self.up, other.up, strict=True)),
            tuple(a + b for a, b in zip(self.down, other.down, strict=True)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"up": list(self.up), "down": list(self.down)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Pairs:
        """What `as_dict` gave. Raises BadInput on anything else."""
        if set(kept) != set(cls.__dataclass_fields__):
            raise BadInput(f"names are {', '.join(sorted(kept))}, not those of pairs")
        return cls(**{**kept, "up": tuple(kept["up"]), "down": tuple(kept["down"])})


def log_bets(differences: Array, bound: float) -> Array:
    """log(1 + k d) of differences (...,) for the STAKES, (..., stakes); with the sign turned for stakes below 0."""
    return np.asarray(np.log1p(differences[..., None] * (STAKES / bound)))


def paired_evidence(up: Array, down: Array, n: Array, limits: Limits, bound: float) -> Evidence:
    """Evidence of sums of `log_bets` over n pairs; up and down are (..., stakes), n is (...,)."""
    return Evidence(
        log_e_above(up, n, limits.fail_above, bound),
        log_e_below(down, n, limits.pass_below, bound),
    )


def log_e_above(up: Array, n: Array, limit: float, bound: float) -> Array:
    """Log e-value against "the mean difference is `limit` at most"; falls as the limit rises."""
    return log_mean_exp(up - n[..., None] * np.log1p(STAKES / bound * limit), _WEIGHTS)


def log_e_below(down: Array, n: Array, limit: float, bound: float) -> Array:
    """Log e-value against "the mean difference is `limit` at least"; rises with the limit."""
    return log_mean_exp(down - n[..., None] * np.log1p(-STAKES / bound * limit), _WEIGHTS)


def interval(pairs: Pairs, alpha: float) -> tuple[float, float]:
    """Lower and upper end for the mean difference: a confidence sequence, each end wrong with probability alpha at most
    over the whole run. Without a usable pair it is all there is: (-bound, bound).
    """
    up, down, n = np.array(pairs.up), np.array(pairs.down), np.array(float(pairs.n))
    low, high = -pairs.bound, pairs.bound
    ends = [low, high]
    for side in (0, 1):
        inside, outside = (high, low) if side == 0 else (low, high)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            log_e = log_e_above(up, n, middle, pairs.bound) if side == 0 else log_e_below(down, n, middle, pairs.bound)
            inside, outside = (middle, outside) if log_e < -math.log(alpha) else (inside, middle)
        ends[side] = outside
    return ends[0], ends[1]


def of_counts(ones: int, n: int) -> Pairs:
    """What `Pairs` keeps of `ones` ones and n - ones zeros: the share of ones is then judged as a mean, bound by 1."""
    up, down = (tuple((ones * log_bets(np.array(sign), 1.0)).tolist()) for sign in (1.0, -1.0))
    return Pairs(1.0, n, 0, float(ones), float(ones), up, down)


def judge_pairs(
    gate: str, pairs: Pairs, limits: Limits, *, what: str = "loss", against: str = " against stable's"
) -> Verdict:
    """Whether the candidate's mean loss is above stable's on the same requests; `n` and `need` count pairs.

    A mean that is compared with limits alone takes both alike and `against` "".
    """
    problem = limits.problem(pairs.bound)
    if problem:
        return invalid(gate, problem, pairs.n)
    if pairs.unusable:
        of = pairs.n + pairs.unusable
        return invalid(
            gate, f"{pairs.unusable:,} of {of:,} differences are no number within +-{pairs.bound:g}", pairs.n
        )
    n, value = np.array(float(pairs.n)), pairs.total / max(pairs.n, 1)
    up, down = _expected(pairs, limits)
    return answer(
        gate,
        _said(what, value, against) if pairs.n else f"{what}: no {'pair' if against else 'answer'} yet",
        limits,
        n=pairs.n,
        value=value,
        seen=paired_evidence(np.array(pairs.up), np.array(pairs.down), n, limits, pairs.bound),
        later=lambda asked: paired_evidence(
            asked[:, None] * up, asked[:, None] * down, asked.astype(np.float64), limits, pairs.bound
        ),
    )


def _said(what: str, value: float, against: str) -> str:
    return f"{what} of the candidate is {value:+.4g}{against}" if against else f"{what} is {value:.4g}"


def _expected(pairs: Pairs, limits: Limits) -> tuple[Array, Array]:
    """What one more pair adds to the sums on average, as far as can be said.

    A fresh pair stands for what is not known: its difference is a quarter of the bound, either way.
    """
    quarter = pairs.bound / 4
    unknown = log_bets(np.array([quarter, -quarter]), pairs.bound).mean(axis=0)
    count = pairs.n + 1
    mean = pairs.total / count
    variance = max((pairs.squares + quarter**2) / count - mean**2, 0.0)
    moved = shrunk(mean, variance / count, max(abs(limits.pass_below), abs(limits.fail_above))) - mean
    up = (np.array(pairs.up) + unknown) / count + STAKES / pairs.bound * moved
    down = (np.array(pairs.down) + unknown) / count - STAKES / pairs.bound * moved
    return up, down
