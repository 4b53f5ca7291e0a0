"""Comments of the generated world: who writes what under whose post, as far as a collector that samples would see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoreops.kol.world_cast import BOTS, POD, Bools, Cast, Ints
from scoreops.kol.world_clock import HOUR_US, Clock
from scoreops.kol.world_growth import LOOKS, Posts
from scoreops.kol.world_phrases import CATEGORIES, NETWORKS, PHRASES

_GENERIC, _COPIED, _SPAM, _COMPLAINT = (CATEGORIES.index(name) for name in ("generic", "copied", "spam", "complaint"))
_SAMPLED: Final = 26.0
"""Comments that the collector sees of an average post."""
_NETWORK_USERS: Final = 900
_RING: Final = 5
"""Members of a pod are this many for each unit of its size."""


@dataclass(frozen=True)
class Storms:
    """Hours in which complaints pile up under everything a KOL posts. `hour` counts from the epoch."""

    kol: Ints
    hour: Ints
    hours: Ints


def plan_storms(cast: Cast, clock: Clock, rng: np.random.Generator) -> Storms:
    """One KOL in twenty has one."""
    kol = np.flatnonzero(rng.random(len(cast.ids)) < 0.05)
    hour = rng.integers(clock.start + clock.hours // 4, clock.stop, len(kol))
    return Storms(kol, hour, rng.integers(6, 14, len(kol)))


@dataclass(frozen=True)
class Comments:
    """Comments in no particular order. `post` indexes the posts, `text` the phrasebook; users are (space, number)."""

    post: Ints
    at_us: Ints
    text: Ints
    space: Ints
    user: Ints


def comments(cast: Cast, posts: Posts, storms: Storms, hours: tuple[int, int], rng: np.random.Generator) -> Comments:
    """The sampled comments of the hours in [start, stop)."""
    rows, looks = np.nonzero((posts.hour() >= hours[0]) & (posts.hour() < hours[1]))
    stormy = _stormy(storms, posts.kol[rows], posts.hour()[rows, looks])
    found = posts.comments[rows, looks]
    typical = np.maximum(posts.comments.mean() * LOOKS, 1e-9)
    expected = _SAMPLED * (found / typical) ** 0.6 * LOOKS**-0.4 * np.where(stormy, 3.0, 1.0)
    counts = rng.poisson(np.minimum(expected, 40))
    post, stormy = np.repeat(rows, counts), np.repeat(stormy, counts)
    hour = np.repeat(posts.hour()[rows, looks], counts)
    at = hour * HOUR_US + rng.integers(0, HOUR_US, len(post))
    at = np.maximum(at, posts.published_us[post] + 1_000_000)
    category = _categories(cast, posts.kol[post], stormy, rng)
    text = _texts(cast, posts.kol[post], category, rng)
    space, user = _users(cast, posts.kol[post], category, rng)
    return Comments(post, at, text, space, user)


def _stormy(storms: Storms, kol: Ints, hour: Ints) -> Bools:
    begins = np.full(kol.max(initial=-1) + 2, np.iinfo(np.int64).max // 2)
    lasts = np.zeros_like(begins)
    known = storms.kol < len(begins)
    begins[storms.kol[known]], lasts[storms.kol[known]] = storms.hour[known], storms.hours[known]
    return (hour >= begins[kol]) & (hour < begins[kol] + lasts[kol])


def _categories(cast: Cast, kol: Ints, stormy: Bools, rng: np.random.Generator) -> Ints:
    edges = cast.talk.cumsum(axis=1)[kol]
    category = (rng.random((len(kol), 1)) > edges).sum(axis=1).clip(0, len(CATEGORIES) - 1)
    angry = stormy & (rng.random(len(kol)) < 0.6)
    return np.where(angry, _COMPLAINT, category)


def _texts(cast: Cast, kol: Ints, category: Ints, rng: np.random.Generator) -> Ints:
    pick = rng.integers(0, PHRASES, len(kol))
    network = np.isin(category, (_COPIED, _SPAM))
    pick = np.where(network, pick // NETWORKS * NETWORKS + kol % NETWORKS, pick)
    english = rng.random(len(kol)) > cast.vietnamese[kol]
    return (english * len(CATEGORIES) + category) * PHRASES + pick


def _users(cast: Cast, kol: Ints, category: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Honest readers come from a large pool with some faithful ones, pods from a small one, bots from their network."""
    n = len(kol)
    pool = np.clip(cast.followers[kol] * 0.02, 150, 6000)
    user = (pool * rng.random(n) ** 1.8).astype(np.int64)
    space = kol + NETWORKS
    bot = np.isin(category, (_COPIED, _SPAM))
    bot |= (category == _GENERIC) & (cast.kind[kol] == BOTS) & (rng.random(n) < 0.5)
    ring = (category == _GENERIC) & (cast.kind[kol] == POD) & (rng.random(n) < 0.9)
    user = np.where(bot, rng.integers(0, _NETWORK_USERS, n), user)
    user = np.where(ring, rng.integers(0, 2 + _RING * (1 + kol % 7), n) + 1_000_000, user)
    return np.where(bot, kol % NETWORKS, space), user


def pseudonyms(space: Ints, number: Ints) -> list[str]:
    """32 hex digits for each (space, number): the same pair, the same user."""
    mixed = np.empty((len(space), 2), dtype="<u8")
    seed = space.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + number.astype(np.uint64)
    mixed[:, 0] = _scramble(seed)
    mixed[:, 1] = _scramble(mixed[:, 0] ^ np.uint64(0xD6E8FEB86659FD93))
    digits = mixed.tobytes().hex()
    return [digits[i : i + 32] for i in range(0, len(digits), 32)]


def _scramble(x: NDArrayU64) -> NDArrayU64:
    """The finaliser of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


NDArrayU64 = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]
