"""Shares of bad answers of stable and candidate under a traffic split, judged after every request.

All that is kept are four counts, so a controller may read them again after a crash, in batches of any size and order.
The e-value is the likelihood of the counts under a mixture, chosen before, by their largest likelihood under the
hypothesis it speaks against. For each single member of the hypothesis the ratio is a martingale of mean 1, and the
largest likelihood makes it smaller still: an e-process with no large-sample approximation, whatever the mixture
(Robbins 1970; Wasserman, Ramdas and Balakrishnan, "Universal inference", 2020). The mixture decides only how soon it
grows. The table of counts is read in two ways:

- By arm, for limits other than 0. Bad answers are draws with the rates p0 of stable and p1 of candidate; the
  hypothesis is p1 >= p0 + limit, or p1 <= p0 + limit. How requests were routed does not matter, but each rate should
  be steady.
- By answer, for "worse at all". When p1 <= p0, a bad answer comes from the candidate no more often than a good one
  does. Here the draws are the arms, so the rates, where they are equal, may change by the hour and in bursts that hit
  both, as when a shared store is away (compare Lindon and Malek, "Anytime-valid inference for multinomial count
  data", 2022). What must hold is random routing with a steady share. The share itself need not be the intended one:
  it is a free parameter of the hypothesis, and being known beforehand it costs next to nothing.

A new weight is a new share: each step of a rollout has counts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from scoreops.core.errors import BadInput
from scoreops.core.sequential import Array, Evidence, Limits, answer, log_mean_exp, shrunk
from scoreops.core.verdict import Verdict, invalid

RATE_SCALES: Final = tuple(0.5 / 4**step for step in range(7))
"""Means of the exponential-like mixtures for both arms' rates: 50 % down to 0.01 %."""
SHARE_COUNTS: Final = ((1e5, 0.6), (3e3, 0.3), (30.0, 0.1))
"""How surely the share of good answers is the intended one, as counts of a Beta distribution, with weights."""
BAD_ODDS: Final = ((20.0, 1.5), (20.0, 2.0), (6.0, 3.0), (1.0, 10.0))
"""Mixtures for the candidate's odds among bad answers, which are its odds ratio of errors times the intended ones:
shape of a Beta distribution, and odds ratio. Sharp where a regression matters and is not obvious.
"""
TRUST_IN_USUAL: Final = (1.0, 0.1, 0.01)
"""What stable's usual counts weigh against new ones, mixed: a rate may be another today."""
_SCALES: Final = tuple((1.0, (1 - mean) / mean) for mean in RATE_SCALES)
_EVEN: Final = np.full(len(_SCALES), 1 / len(_SCALES))
_BISECTIONS: Final = 48

Usual = tuple[int, int]
"""Answers of stable, and bad ones among them, in the time before."""


@dataclass(frozen=True)
class Rates:
    """Answers counted since the step began: `bad` of `n` for both arms. Raises BadInput on what is no count."""

    stable_n: int = 0
    stable_bad: int = 0
    candidate_n: int = 0
    candidate_bad: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise BadInput(f"{value!r} is no count", name)
        for arm in ("stable", "candidate"):
            if getattr(self, f"{arm}_bad") > getattr(self, f"{arm}_n"):
                raise BadInput("more bad answers than answers", f"{arm}_bad")

    def __add__(self, other: Rates) -> Rates:
        """Both batches as one; their order does not matter."""
        return Rates(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    @property
    def n(self) -> int:
        """Requests of both arms."""
        return self.stable_n + self.candidate_n

    def as_dict(self) -> dict[str, int]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Rates:
        """What `as_dict` gave. Raises BadInput on other names or on what is no count."""
        if set(kept) != set(cls.__dataclass_fields__):
            raise BadInput(f"names are {', '.join(sorted(kept))}, not those of counts by arm")
        return cls(**kept)


def judge_rates(gate: str, rates: Rates, limits: Limits, *, share: float, usual: Usual | None = None) -> Verdict:
    """Whether the candidate gives more bad answers than stable. `share` of the requests is meant for the candidate.

    Limits are differences of rates: 0.005 is half a percentage point. `n` and `need` count requests of both arms.
    `usual` are counts of stable from before the step. They make Pass come sooner, by a third when they are right; when
    they are wrong it comes later, and the error rates stay what they are. Give the same ones at every look.
    """
    problem = limits.problem(1.0) or _problem(share, usual)
    if problem:
        return invalid(gate, problem, rates.n)
    counts = np.array([rates.stable_n, rates.stable_bad, rates.candidate_n, rates.candidate_bad], dtype=np.float64)
    n, bad, m, worse = counts
    value = float(worse / m - bad / n) if n and m else 0.0
    what = (
        f"bad answers of the candidate {worse / m:.3%}, of stable {bad / n:.3%}"
        if n and m
        else f"{rates.candidate_n:,} answers of the candidate, {rates.stable_n:,} of stable"
    )
    expected = _expected(counts, value, limits, share)
    return answer(
        gate,
        what,
        limits,
        n=rates.n,
        value=value,
        seen=rates_evidence(counts, limits, share, usual),
        later=lambda asked: rates_evidence(asked[:, None] * expected, limits, share, usual),
    )


def _problem(share: float, usual: Usual | None) -> str:
    if not 0 < share < 1:
        return f"share is {share:g}, must be between 0 and 1"
    if usual is not None and not 0 <= usual[1] <= usual[0]:
        return f"usual are {usual[1]:g} bad answers of {usual[0]:g}"
    return ""


def _expected(counts: Array, value: float, limits: Limits, share: float) -> Array:
    """What one more request adds to the counts on average, as far as can be said: (4,).

    Before anything was seen one answer in a hundred is taken to be bad; fifty answers weigh as much as that guess.
    """
    n, m = counts[0], counts[2]
    rate = (counts[1] + counts[3] + 0.5) / (n + m + 50)
    part = m / (n + m) if n and m else share
    noise = rate * (1 - rate) * (1 / max(n, 1) + 1 / max(m, 1))
    difference = shrunk(value, noise, max(abs(limits.pass_below), abs(limits.fail_above)))
    p0, p1 = np.clip([rate - part * difference, rate + (1 - part) * difference], 0, 1)
    return np.array([1 - part, (1 - part) * p0, part, part * p1])


def rates_evidence(counts: Array, limits: Limits, share: float, usual: Usual | None = None) -> Evidence:
    """Evidence of counts (..., 4): stable's answers and bad answers, the candidate's answers and bad answers."""
    return Evidence(
        by_arm(counts, limits.fail_above, worse=True, usual=usual) if limits.fail_above else by_answer(counts, share),
        by_arm(counts, limits.pass_below, worse=False, usual=usual),
    )


def by_arm(counts: Array, limit: float, *, worse: bool, usual: Usual | None = None) -> Array:
    """Log e-value of counts (..., 4) against p1 <= p0 + limit (`worse`) or p1 >= p0 + limit (otherwise)."""
    n, bad, m, bad_m = np.moveaxis(counts, -1, 0)
    parts, weights, of_candidate = [], [], _any_rate(bad_m, m - bad_m)
    for (a, b), weight in _priors(usual):
        parts.append(_mixture(bad, n - bad, a, b) + of_candidate)
        weights.append(weight / 2)
        # A good candidate most often has stable's own rate: a mixture of one rate instead of two is sharper.
        parts.append(parts[-1] if worse else _mixture(bad + bad_m, n - bad + m - bad_m, a, b))
        weights.append(weight / 2)
    mixed = log_mean_exp(np.stack(parts, axis=-1), np.array(weights))
    p0, p1 = bad / np.maximum(n, 1e-300), bad_m / np.maximum(m, 1e-300)
    within = (p1 - p0 <= limit if worse else p1 - p0 >= limit) | (n <= 0) | (m <= 0)
    edge = _on_the_edge(counts, limit)
    free = _log_likelihood(bad, n - bad, p0) + _log_likelihood(bad_m, m - bad_m, p1)
    bound = _log_likelihood(bad, n - bad, edge) + _log_likelihood(bad_m, m - bad_m, edge + limit)
    return np.asarray(mixed - np.where(within, free, bound))


def _priors(usual: Usual | None) -> list[tuple[tuple[float, float], float]]:
    """Beta distributions of stable's rate, with weights: all scales, and mostly what is usual where that is known."""
    if usual is None:
        return [(scale, 1 / len(_SCALES)) for scale in _SCALES]
    n, bad = usual
    known = [(0.5 + trust * bad, 0.5 + trust * (n - bad)) for trust in TRUST_IN_USUAL]
    return [(scale, 0.25 / len(_SCALES)) for scale in _SCALES] + [(prior, 0.75 / len(known)) for prior in known]


def _any_rate(yes: Array, no: Array) -> Array:
    """Log likelihood of draws whose rate came from any of the scales."""
    return log_mean_exp(np.stack([_mixture(yes, no, a, b) for a, b in _SCALES], axis=-1), _EVEN)


def _on_the_edge(counts: Array, limit: float) -> Array:
    """The rate p0 that makes counts (..., 4) likeliest when p1 = p0 + limit; the likelihood has one peak."""
    n, bad, m, bad_m = np.moveaxis(counts, -1, 0)
    low = np.full(n.shape, max(0.0, -limit))
    high = np.full(n.shape, min(1.0, 1 - limit))
    for _ in range(_BISECTIONS):
        p = (low + high) / 2
        rises = bad / p - (n - bad) / (1 - p) + bad_m / (p + limit) - (m - bad_m) / (1 - p - limit) > 0
        low, high = np.where(rises, p, low), np.where(rises, high, p)
    return np.asarray((low + high) / 2)


def by_answer(counts: Array, share: float) -> Array:
    """Log e-value of counts (..., 4) against "bad answers come from the candidate no more often than good ones do"."""
    n, bad, m, bad_m = np.moveaxis(counts, -1, 0)
    good, good_m = n - bad, m - bad_m
    odds = share / (1 - share)
    of_good = [_mixture(good_m, good, size * share, size * (1 - share)) for size, _ in SHARE_COUNTS]
    of_bad = [_mixture(bad_m, bad, shape, shape / (odds * times)) for shape, times in BAD_ODDS]
    mixed = log_mean_exp(np.stack(of_good, axis=-1), np.array([weight for _, weight in SHARE_COUNTS]))
    mixed = mixed + log_mean_exp(np.stack(of_bad, axis=-1), np.full(len(of_bad), 1 / len(of_bad)))
    among_bad = bad_m / np.maximum(bad + bad_m, 1e-300)
    among_good = good_m / np.maximum(good + good_m, 1e-300)
    within = (among_bad <= among_good) | (bad + bad_m <= 0) | (good + good_m <= 0)
    free = _log_likelihood(bad_m, bad, among_bad) + _log_likelihood(good_m, good, among_good)
    pooled = m / np.maximum(n + m, 1e-300)
    return np.asarray(mixed - np.where(within, free, _log_likelihood(m, n, pooled)))


def _log_likelihood(yes: Array, no: Array, p: Array) -> Array:
    from scipy.special import xlog1py, xlogy

    return np.asarray(xlogy(yes, p) + xlog1py(no, -p))


def _mixture(yes: Array, no: Array, a: float, b: float) -> Array:
    """Log likelihood of draws in a given order whose probability was itself drawn from Beta(a, b)."""
    from scipy.special import betaln

    return np.asarray(betaln(a + yes, b + no) - betaln(a, b))
