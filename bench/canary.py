"""When a canary is rolled back: ours against a z-test, once and at each look, and rules of thresholds; paired or split.

The same simulated traffic for all, seeds fixed. A tenth of it goes to the candidate. With no difference both arms give
1 % errors, or, in bursts, 30 % in a twentieth of the time and 0.5 % else; with a regression the candidate gives 2 %.
The rules look every 100 requests, 600 times, but for the z-tests that look once; thresholds ask once per 2,000 requests
(about 200 of the candidate's), as their tools do, whether the candidate's rate is above 1.5 %, in one rule 3 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench._traffic import CHUNK, counts, first, first_decisions, models, pair_runs
from scoreops.core.losses import BRIER_BOUND, brier_losses, log_loss_bound, log_losses, split_bound, split_differences
from scoreops.core.sequential_rates import by_answer

Array = NDArray[np.float64]
Rule = Callable[[Array], Array]
"""Requests (runs,) at the rollback, infinite where there is none, of counts (runs, looks, 4)."""
Losses = Callable[[Array, Array], Array]

ALPHA: Final = 0.01
SHARE: Final = 0.1
RUNS: Final = 2_000
LOOKS: Final = 600
EACH: Final = 100
WINDOW: Final = 20
"""Looks in a window of the rules that use thresholds."""
STABLE, WORSE = 0.01, 0.02
BURSTS: Final = np.where(np.arange(LOOKS) % 200 >= 190, 0.3, 0.005)
PAIR_RUNS: Final = 100


def main() -> Mapping[str, object]:
    """By rule: share of runs rolled back without a difference, steady and in bursts, and with a regression; requests
    of both arms until then, over all runs (null: not within 60,000, which the mean takes as 60,000). Then pairs
    against a split.
    """
    made: dict[str, object] = {"runs": RUNS, "looks": LOOKS, "alpha": ALPHA, "requests": LOOKS * EACH}
    seeds = iter(range(1, 4))
    equal = _rollbacks(next(seeds), STABLE, STABLE)
    bursts = _rollbacks(next(seeds), BURSTS, BURSTS)
    worse = _rollbacks(next(seeds), STABLE, WORSE)
    for name in RULES:
        made[name] = {
            "false": _share(equal[name]),
            "false_in_bursts": _share(bursts[name]),
            "detected": _share(worse[name]),
            "requests_mean": int(np.minimum(worse[name], LOOKS * EACH).mean()),
            "requests_p50": _quantile(worse[name], 0.5),
            "requests_p90": _quantile(worse[name], 0.9),
        }
    return made | _paired_against_split()


def _share(found: Array) -> float:
    return round(float(np.isfinite(found).mean()), 4)


def _quantile(found: Array, level: float) -> int | None:
    value = float(np.quantile(found, level, method="higher"))
    return int(value) if np.isfinite(value) else None


def _rollbacks(seed: int, p0: float | Array, p1: float | Array) -> dict[str, Array]:
    """Requests until the rollback (runs,) by rule, all of the same traffic."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Array]] = {name: [] for name in RULES}
    for _ in range(RUNS // CHUNK):
        seen = counts(rng, CHUNK, LOOKS, EACH, SHARE, p0, p1)
        for name, rule in RULES.items():
            found[name].append(rule(seen))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _ours(seen: Array) -> Array:
    return first_decisions(seen, partial(by_answer, share=SHARE), 0.0, ALPHA, above=True)


def _z(seen: Array) -> Array:
    """Two-proportion z with pooled variance, 0 where an arm or an error is missing."""
    n, bad, m, bad_m = np.moveaxis(seen, -1, 0)
    rate = (bad + bad_m) / (n + m)
    error = np.sqrt(rate * (1 - rate) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
    difference = bad_m / np.maximum(m, 1) - bad / np.maximum(n, 1)
    return np.where((n > 0) & (m > 0), np.divide(difference, error, out=np.zeros_like(error), where=error > 0), 0.0)


def _z_at_each_look(seen: Array, alpha: float) -> Array:
    return first(_z(seen) > NormalDist().inv_cdf(1 - alpha), seen[..., 0] + seen[..., 2])


def _z_once(seen: Array, power: float) -> Array:
    """Looked at where a test at ALPHA has this power against just this regression, which nobody knows beforehand."""
    rate = STABLE + SHARE * (WORSE - STABLE)
    without = rate * (1 - rate) * (1 / SHARE + 1 / (1 - SHARE))
    with_it = WORSE * (1 - WORSE) / SHARE + STABLE * (1 - STABLE) / (1 - SHARE)
    reach = NormalDist().inv_cdf(1 - ALPHA) * without**0.5 + NormalDist().inv_cdf(power) * with_it**0.5
    look = int(np.ceil((reach / (WORSE - STABLE)) ** 2 / EACH))
    return _z_at_each_look(seen[:, look - 1 : look], ALPHA)


def _threshold(seen: Array, above: float, failures: int) -> Array:
    """Rolled back at so many windows, not in a row, in which the candidate's error rate was above the threshold."""
    ends = seen[:, WINDOW - 1 :: WINDOW]
    inside = np.diff(ends, axis=1, prepend=np.zeros_like(ends[:, :1]))
    failed = inside[..., 3] > above * inside[..., 2]
    return first(np.cumsum(failed, axis=1) >= failures, ends[..., 0] + ends[..., 2])


RULES: Final[Mapping[str, Rule]] = {
    "ours": _ours,
    "z_test_once_for_80_percent": partial(_z_once, power=0.8),
    "z_test_once_for_99_percent": partial(_z_once, power=0.99),
    "z_test_each_look": partial(_z_at_each_look, alpha=ALPHA),
    "z_test_bonferroni": partial(_z_at_each_look, alpha=ALPHA / LOOKS),
    "argo_failure_limit_0": partial(_threshold, above=0.015, failures=1),
    "argo_failure_limit_3": partial(_threshold, above=0.015, failures=4),
    "flagger_threshold_5": partial(_threshold, above=0.015, failures=5),
    "argo_limit_3_at_3_percent": partial(_threshold, above=0.03, failures=4),
}


def _paired_against_split() -> dict[str, object]:
    """Labelled requests until a worse model fails: both models answer each (shadow), or a tenth is split off."""
    made: dict[str, object] = {}
    for name, (noise, losses, bound, each, looks) in PAIRED.items():
        asked = partial(pair_runs, limit=0.0, alpha=ALPHA, runs=PAIR_RUNS, above=True)
        pairs = asked(8, partial(_on_the_same, losses, noise), bound, looks=10_000)
        labels, stable, _ = models(np.random.default_rng(7), (100_000,))
        draw = partial(_on_a_split, losses, noise, float(losses(labels, stable).mean()))
        split = asked(9, draw, split_bound(bound, SHARE), looks=looks, each=each)
        for kind, found in (("paired", pairs), ("split", split)):
            made[f"{kind}_{name}"] = {"requests_p50": _quantile(found, 0.5), "requests_p90": _quantile(found, 0.9)}
        made[f"ratio_{name}"] = round(float(np.median(split) / np.median(pairs)), 1)
    return made


def _on_the_same(losses: Losses, noise: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    labels, stable, candidate = models(rng, shape, noise)
    return losses(labels, candidate) - losses(labels, stable)


def _on_a_split(losses: Losses, noise: float, usual: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    labels, stable, candidate = models(rng, shape, noise)
    asked = rng.random(shape) < SHARE
    return split_differences(losses(labels, np.where(asked, candidate, stable)), asked, share=SHARE, usual=usual)


PAIRED: Final[Mapping[str, tuple[float, Losses, float, int, int]]] = {
    "brier_0.0044": (0.335, brier_losses, BRIER_BOUND, 20, 40_000),
    "log_loss_20_percent": (1.1, log_losses, log_loss_bound(), 2, 20_000),
}
"""Noise of the candidate's logits that makes it so much worse, the loss, its bound, and the looks at the split."""
