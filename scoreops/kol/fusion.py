"""Fusion: what a KOL is worth paying for now, from the newest answer of each branch.

Relations of the branches: (A) parallel, a logistic sum and a weighted score; (B) gating, a low trust blocks or
discounts spend; (C) coupling, the trust score of an earlier hour is a feature of the success forecast. Expected value
is forecast revenue times trust / 100, with an interval from the intervals of both.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from scoreops.core.calibration import sigmoid

Array = NDArray[np.float64]

BRANCHES: Final = ("trust", "success", "sentiment")
Z80: Final = 1.2816
"""Half width of an 80 % interval in standard deviations."""
DRAWS: Final = 400
STEPS: Final = 21


class FusionRevision(BaseModel):
    """Everything that a fused score depends on besides its inputs; immutable, so it can be named and rolled back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revenue_weight: float
    trust_weight: float
    sentiment_weight: float
    anomaly_weight: float
    logit_weights: tuple[float, float, float]
    """Of success, trust and sentiment, each normed to [0, 1]."""
    logit_bias: float
    block_below: float = 30.0
    """Trust below this blocks spend."""
    discount_below: float = 60.0
    """Trust below this discounts spend in proportion."""
    fresh_minutes: float = 90.0
    """A branch older than this is replaced by its moving average."""
    half_life_minutes: float = 180.0
    revenue_quantiles: tuple[float, ...]
    """Reference quantiles of revenue_1h, 0 to 100 % in steps of 5; a norm is the place among them."""
    backtest: dict[str, float] = {}

    @property
    def digest(self) -> str:
        """12 hex digits that name the revision."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class Inputs(BaseModel):
    """The newest of each branch for n KOLs, arrays (n,); NaN is unknown, ages are minutes."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    trust: Array
    trust_low: Array
    trust_high: Array
    trust_age: Array
    revenue_1h: Array
    revenue_24h: Array
    revenue_24h_low: Array
    revenue_24h_high: Array
    success_age: Array
    sentiment: Array
    """Positive minus negative share of the comments, in [-1, 1]."""
    anomaly: Array
    """Strength of the KOL's open unexplained alerts, in [0, 1]."""


class Decisions(BaseModel):
    """Fused answers for n KOLs; NaN where trust or revenue is unknown. Money is VND for the next 24 hours."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    score: Array
    probability: Array
    ev: Array
    ev_low: Array
    ev_high: Array
    spend_factor: Array
    """Share of a budget that relation B leaves: 0 blocked, 1 in full."""
    rank: NDArray[np.int64]
    """1 is best; KOLs without an expected value come last."""
    rank_low: NDArray[np.int64]
    rank_high: NDArray[np.int64]


def moving_average(before: Array, value: Array, minutes: float, half_life: float) -> Array:
    """The average after `minutes` with a new value; where either is unknown it is the other."""
    keep = 0.5 ** (minutes / half_life)
    mixed = keep * before + (1 - keep) * value
    return np.where(np.isnan(before), value, np.where(np.isnan(value), before, mixed))


def freshened(value: Array, average: Array, age: Array, revision: FusionRevision) -> tuple[Array, NDArray[np.bool_]]:
    """The value, or its moving average where it is older than the revision allows, and which ones were replaced."""
    stale = ~(age <= revision.fresh_minutes)
    return np.where(stale, average, value), stale


def fuse(given: Inputs, revision: FusionRevision, *, seed: int = 0) -> Decisions:
    """Join the branches. `seed` drives the draws behind the rank intervals."""
    score, probability = weighted(given, revision)
    ev, spread = expected_value(given)
    rank, low, high = _ranks(ev, spread, seed)
    factor = np.clip(given.trust / revision.discount_below, 0, 1)
    factor = np.where(given.trust < revision.block_below, 0.0, factor)
    return Decisions(
        score=score,
        probability=probability,
        ev=ev,
        ev_low=np.maximum(ev - Z80 * spread, 0),
        ev_high=ev + Z80 * spread,
        spend_factor=factor,
        rank=rank,
        rank_low=low,
        rank_high=high,
    )


def weighted(given: Inputs, revision: FusionRevision) -> tuple[Array, Array]:
    """Relation A: the weighted score and the logistic probability (n,)."""
    revenue = _norm(given.revenue_1h, revision.revenue_quantiles)
    trust = given.trust / 100
    mood = (_known(given.sentiment) + 1) / 2
    score = (
        revision.revenue_weight * revenue
        + revision.trust_weight * trust
        + revision.sentiment_weight * mood
        - revision.anomaly_weight * _known(given.anomaly)
    )
    w1, w2, w3 = revision.logit_weights
    return score, sigmoid(w1 * revenue + w2 * trust + w3 * mood + revision.logit_bias)


def expected_value(given: Inputs) -> tuple[Array, Array]:
    """Revenue of the next 24 hours times trust / 100, and its standard deviation from both 80 % intervals."""
    trust, revenue = given.trust / 100, given.revenue_24h
    trust_sd = (given.trust_high - given.trust_low) / 100 / (2 * Z80)
    revenue_sd = (given.revenue_24h_high - given.revenue_24h_low) / (2 * Z80)
    variance = (revenue * trust_sd) ** 2 + (trust * revenue_sd) ** 2 + (trust_sd * revenue_sd) ** 2
    return revenue * trust, np.sqrt(variance)


def _known(values: Array) -> Array:
    return np.where(np.isnan(values), 0.0, values)


def _norm(values: Array, quantiles: tuple[float, ...]) -> Array:
    """Place of each value among the reference quantiles, in [0, 1]: one row alone is normed as in any batch."""
    return np.interp(values, quantiles, _shares(len(quantiles)))


@cache
def _shares(n: int) -> Array:
    """0 to 1 in n - 1 equal steps."""
    return np.linspace(0, 1, n)


def _ranks(ev: Array, spread: Array, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    known = np.where(np.isnan(ev), -np.inf, ev)
    rank = _order(known[None, :])[0]
    if len(ev) == 1 or not np.isfinite(known).any():
        return rank, rank, rank
    rng = np.random.default_rng(seed)
    drawn = known + _known(spread) * rng.standard_normal((DRAWS, len(ev)))
    ranks = np.sort(_order(np.where(np.isfinite(known), drawn, -np.inf)).astype(np.int32), axis=0)
    low, high = (_at(ranks, share) for share in (0.1, 0.9))
    return rank, np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)


def _at(ranks: NDArray[np.int32], share: float) -> Array:
    """np.quantile of sorted ranks (DRAWS, n), which are small numbers and sort fast."""
    place = share * (len(ranks) - 1)
    below = ranks[int(place)]
    return np.asarray(below + (ranks[int(np.ceil(place))] - below) * (place % 1))


def _order(values: Array) -> NDArray[np.int64]:
    """Ranks along the last axis, 1 for the largest."""
    places = np.argsort(-values, axis=1, kind="stable")
    ranks = np.empty_like(places)
    np.put_along_axis(ranks, places, np.arange(1, values.shape[1] + 1)[None, :], axis=1)
    return ranks.astype(np.int64)
