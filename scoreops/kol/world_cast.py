"""Who lives in the generated world: accounts of every size, honest and not, with traits that overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS: Final = ("organic", "honest_viral", "bought", "pod", "bot_comments")
_KIND_SHARES: Final = (0.47, 0.17, 0.14, 0.11, 0.11)
HONEST: Final = 2
"""Kinds before this index are honest."""
ORGANIC, VIRAL, BOUGHT, POD, BOTS = range(5)

PLATFORMS: Final = ("tiktok", "facebook", "instagram", "youtube")
_PLATFORM_SHARES: Final = (0.4, 0.25, 0.2, 0.15)
_LIKE_RATES: Final = (0.07, 0.04, 0.06, 0.035)
_TIER_EDGES: Final = np.log([8e3, 3e4, 1e5, 4e5, 1.2e6, 4e6])
_TIER_SHARES: Final = (0.28, 0.34, 0.24, 0.11, 0.03)


@dataclass(frozen=True)
class Cast:
    """Traits of each KOL, arrays of length n. Rates are per view, visit, click or order; shares lie in [0, 1]."""

    ids: list[str]
    kind: Ints
    platform: Ints
    intensity: Floats
    """How much an account cheats, 0 for honest ones."""
    followers: Ints
    following: Ints
    growth: Floats
    """Expected new followers an hour."""
    hollow: Floats
    """Share of followers that nobody stands behind."""
    posts_per_day: Floats
    reach: Floats
    """Expected views of a post by follower."""
    like_rate: Floats
    comment_rate: Floats
    share_rate: Floats
    hides_views: Bools
    poll_us: Ints
    """When within an hour the profile is looked at."""
    vietnamese: Floats
    talk: Floats
    """(n, 6) shares of comment categories, see world_talk.CATEGORIES."""
    visits: Floats
    """Expected visits in a usual hour."""
    click_rate: Floats
    cart_rate: Floats
    buy_rate: Floats
    refund_rate: Floats
    basket_vnd: Floats
    mentioned: Bools
    """Gets followers once from a mention elsewhere, which its own views do not explain."""

    @property
    def fraud(self) -> Bools:
        """Whether the account cheats."""
        return self.kind >= HONEST


def cast(n: int, rng: np.random.Generator) -> Cast:
    """Draw `n` accounts."""
    kind = rng.choice(len(KINDS), n, p=_KIND_SHARES)
    platform = rng.choice(len(PLATFORMS), n, p=_PLATFORM_SHARES)
    fraud = kind >= HONEST
    intensity = np.where(fraud, 0.1 + 0.9 * rng.beta(2.0, 1.7, n), 0.0)
    tier = rng.choice(len(_TIER_SHARES), n, p=_TIER_SHARES)
    size = np.exp(rng.uniform(_TIER_EDGES[tier], _TIER_EDGES[tier + 1]))

    def spread(sigma: float) -> Floats:
        return np.exp(rng.normal(0, sigma, n))

    def when(which: int, factor: float) -> Floats:
        """1, or up to `factor` for one kind of cheat at full intensity."""
        return np.where(kind == which, 1 + (factor - 1) * intensity, 1.0)

    hollow = np.where(kind == BOUGHT, 0.55 * intensity, 0.0) + rng.beta(2, 14, n)
    alive = 1 - np.clip(hollow, 0, 0.8)
    reach = 0.22 * (size / 5e4) ** -0.12 * alive * spread(0.45)
    likes = np.array(_LIKE_RATES)[platform] * spread(0.35) * when(POD, 2.2) * when(BOTS, 1.5)
    quality = spread(0.4)
    visits = (size / 5e4) ** 0.4 * alive * quality * spread(0.45) * np.where(fraud, 1 - 0.25 * intensity, 1.0)
    return Cast(
        ids=[f"kol-{i:05d}" for i in range(n)],
        kind=kind,
        platform=platform,
        intensity=intensity,
        followers=size.astype(np.int64),
        following=(300 * spread(0.9) * when(BOUGHT, 1.8) * when(POD, 2.2)).astype(np.int64),
        growth=size * 0.0028 / 24 * spread(0.4),
        hollow=hollow,
        posts_per_day=0.58 * spread(0.4) * np.where(kind == VIRAL, 1.2, 1.0),
        reach=reach,
        like_rate=np.clip(likes, 0.003, 0.35),
        comment_rate=0.006 * spread(0.45) * when(POD, 2.6) * when(BOTS, 2.4),
        share_rate=0.008 * spread(0.5),
        hides_views=(rng.random(n) < 0.1) & np.isin(platform, (1, 2)),
        poll_us=rng.integers(60, 3500, n) * 1_000_000,
        vietnamese=np.where(rng.random(n) < 0.8, 0.93, 0.25),
        talk=_talk(kind, intensity, rng),
        visits=1.15 * visits / visits.mean(),
        click_rate=np.clip(0.42 * spread(0.18) * np.where(fraud, 1 - 0.2 * intensity, 1), 0.05, 0.9),
        cart_rate=np.clip(0.3 * spread(0.2), 0.05, 0.8),
        buy_rate=np.clip(0.5 * quality**0.3 * spread(0.25) * np.where(fraud, 1 - 0.55 * intensity, 1), 0.03, 0.9),
        refund_rate=np.clip(0.06 * spread(0.4) * np.where(fraud, 1 + 2.2 * intensity, 1), 0, 0.6),
        basket_vnd=320_000 * spread(0.5),
        mentioned=~fraud & (rng.random(n) < 0.1),
    )


def _talk(kind: Ints, intensity: Floats, rng: np.random.Generator) -> Floats:
    """Shares of praise, questions, complaints, generic, copied and spam comments; every row sums to 1."""
    n = len(kind)
    weights = np.array([0.40, 0.32, 0.07, 0.17, 0.02, 0.03]) * np.exp(rng.normal(0, 0.35, (n, 6)))
    fans = rng.random(n) < 0.12  # an honest fan club also writes the same few words under everything
    weights[:, 3] += np.where(fans & (kind < HONEST), rng.uniform(0.1, 0.4, n), 0)
    weights[:, 3] += np.where(kind == POD, 1.1 * intensity, 0) + np.where(kind == BOUGHT, 0.15 * intensity, 0)
    weights[:, 4] += np.where(kind == BOTS, 0.8 * intensity, 0) + np.where(kind == BOUGHT, 0.06 * intensity, 0)
    weights[:, 5] += np.where(kind == BOTS, 0.25 * intensity, 0)
    weights[:, 2] += np.where(kind >= HONEST, 0.04 * intensity, 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
