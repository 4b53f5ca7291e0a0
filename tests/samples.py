"""Labelled rows to train the scores on, small and quickly learned from."""

from __future__ import annotations

import numpy as np

from scoreops.kol.success_features import METRICS, PLATFORMS, SUCCESS_FEATURES
from scoreops.kol.success_training import SuccessRows, Totals
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_training import TrustRows

FANS = [f"sản phẩm rất tốt, mua lần {i} rồi" for i in range(10)]
BOTS = [f"kiếm tiền nhanh inbox mình nha {i}" for i in range(10)]
FIRST_HOUR = 490_000
HOURS = 440


def trust_rows(n=140, seed=2):
    """Campaigns of KOLs who are honest or not; cheats have unexplained jumps, and half of them bots' comments."""
    rng = np.random.default_rng(seed)
    kols = np.array([f"k{i}" for i in rng.integers(0, 60, n)])
    genuine = np.array([float(int(kol[1:]) % 2) for kol in kols])
    features = rng.normal(0, 1, (n, len(TRUST_FEATURES)))
    features[:, TRUST_FEATURES.columns.index("unexplained_share")] += 1.5 * (1 - genuine)
    features[:, TRUST_FEATURES.columns.index("log_followers")] = rng.uniform(9, 14, n)
    features[rng.random(features.shape) < 0.05] = np.nan
    said = [BOTS if not good and rng.random() < 0.5 else FANS for good in genuine]
    return TrustRows(features, said, genuine, kols, rng.integers(0, 500, n), ["tiktok"] * n)


def success_rows(n, seed=1, first=FIRST_HOUR, stop=FIRST_HOUR + HOURS):
    """KOLs who go on selling as in the last hour, on any platform; one value in twenty is missing."""
    rng = np.random.default_rng(seed)
    hours, rate = np.sort(rng.integers(first, stop, n)), rng.gamma(1.5, 20.0, n)
    column = {name: rng.gamma(1.5, 20.0, n) for name in SUCCESS_FEATURES.columns}
    for price, metric in enumerate(METRICS):
        for span in (1, 3, 6, 24, 168):
            column[f"{metric}_past_{span}h"] = rng.poisson(rate * span) * 100.0**price
        column[f"{metric}_share"] = rng.dirichlet(np.ones(n))
    column |= {"as_of_hour": hours, "platform": rng.integers(0, len(PLATFORMS), n)}
    features = np.stack([column[name] for name in SUCCESS_FEATURES.columns], axis=1).astype(np.float64)
    targets = [rng.poisson(rate * horizon) * 100.0**price for horizon in (1, 24) for price in range(len(METRICS))]
    features[rng.random(features.shape) < 0.05] = np.nan
    return SuccessRows(features, np.stack(targets, axis=1), hours)


def totals(platforms=2):
    """Hourly totals with a daily rhythm, of the first `platforms`."""
    rng = np.random.default_rng(3)
    daily = 100 * (2 + np.sin(np.arange(HOURS) * 2 * np.pi / 24))
    names = [f"{platform}/{metric}" for platform in range(platforms) for metric in METRICS]
    return Totals(FIRST_HOUR, {name: rng.poisson(daily).astype(np.float64) for name in names})
