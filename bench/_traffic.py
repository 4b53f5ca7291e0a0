"""Simulated traffic of a canary, and where a test that looks after every batch would have decided. Vectorised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoreops.core.sequential import log_mean_exp
from scoreops.core.sequential_losses import STAKES, log_bets

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Test = Callable[[Array], Array]
"""Log e-values (k,) of counts (k, 4)."""

NEVER: Final = np.inf
CHUNK: Final = 20
_EVEN: Final = np.full(len(STAKES), 1 / len(STAKES))


def counts(
    rng: np.random.Generator, runs: int, looks: int, each: int, share: float, p0: ArrayLike, p1: ArrayLike
) -> Array:
    """Counts (runs, looks, 4) as `Rates` has them, after each of `looks` batches of `each` requests.

    Rates of stable and candidate are numbers or (looks,): rates that change over time.
    """
    m = rng.binomial(each, share, (runs, looks))
    bad_m = rng.binomial(m, p1)
    bad = rng.binomial(each - m, p0)
    return np.cumsum(np.stack([each - m, bad, m, bad_m], axis=-1), axis=1).astype(np.float64)


def models(rng: np.random.Generator, shape: tuple[int, ...], noise: float = 0.0) -> tuple[Array, Array, Array]:
    """Labels, stable's calibrated probabilities, and those of a candidate whose logits are noisy."""
    logits = rng.normal(0, 1.2, shape)
    labels = (rng.random(shape) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    other = logits + noise * rng.normal(size=shape) if noise else logits
    return labels, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-other))


def first_decisions(seen: Array, test: Test, limit: float, alpha: float, *, above: bool) -> Array:
    """Requests (runs,) at the first look with an e-value of 1 / alpha, NEVER where there was none.

    `above`: the e-value speaks against differences up to `limit`, and so can't decide where the observed one is not
    above it. Otherwise the other way round.
    """
    n, bad, m, bad_m = np.moveaxis(seen, -1, 0)
    excess = bad_m * n - bad * m - limit * n * m
    decided = (excess > 0 if above else excess < 0) & (n > 0) & (m > 0)
    decided[decided] = _could_decide(seen[decided], limit, -np.log(alpha))
    if decided.any():
        decided[decided] = test(seen[decided]) >= -np.log(alpha)
    return first(decided, n + m)


def _could_decide(seen: Array, limit: float, threshold: float) -> NDArray[np.bool_]:
    """Where the e-value of counts (k, 4) may have reached its threshold: it is at most the ratio of the largest
    likelihood to any in the hypothesis. Almost nowhere, so that the e-value itself is needed for few looks only.
    """
    from scipy.special import xlog1py, xlogy

    n, bad, m, bad_m = seen.T
    edge = (bad + bad_m) / (n + m) - m / (n + m) * limit
    edge = np.clip(edge, max(0.0, -limit) + 1e-12, min(1.0, 1 - limit) - 1e-12)

    def likelihood(a: Array, b: Array) -> Array:
        return np.asarray(xlogy(bad, a) + xlog1py(n - bad, -a) + xlogy(bad_m, b) + xlog1py(m - bad_m, -b))

    return np.asarray(likelihood(bad / n, bad_m / m) - likelihood(edge, edge + limit) >= threshold)


def first(decided: NDArray[np.bool_], n: Array) -> Array:
    """What n (looks,) or (runs, looks) is at the first look that decided (runs, looks), NEVER where none did."""
    at = np.argmax(decided, axis=1)
    rows = np.arange(len(decided))
    return np.where(decided[rows, at], np.broadcast_to(n, decided.shape)[rows, at], NEVER)


def pair_runs(
    seed: int,
    draw: Draw,
    bound: float,
    *,
    limit: float,
    alpha: float,
    runs: int,
    looks: int,
    above: bool,
    each: int = 1,
) -> Array:
    """First decisions (runs,) of a paired test that looks after every `each` pairs, in pairs.

    `draw` gives differences; `above` asks whether the mean is shown to be above `limit`, otherwise below.
    """
    rng = np.random.default_rng(seed)
    sign = 1 if above else -1
    n = np.arange(1, looks + 1, dtype=np.float64) * each
    less = n[:, None] * np.log1p(sign * STAKES / bound * limit)
    found = []
    for _ in range(runs // CHUNK):
        wealth = np.zeros((CHUNK, looks, len(STAKES)))
        for _ in range(each):
            wealth += log_bets(sign * draw(rng, (CHUNK, looks)), bound)
        np.cumsum(wealth, axis=1, out=wealth)
        found.append(first(log_mean_exp(wealth - less, _EVEN) >= -np.log(alpha), n))
    return np.concatenate(found)
