"""Followers and posts of the generated world: what grows by itself, what goes viral, what was bought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from scoreops.kol.world_cast import BOUGHT, VIRAL, Bools, Cast, Floats, Ints
from scoreops.kol.world_clock import HOUR_US, Clock

LOOKS: Final = 48
"""A post is looked at once an hour for this many hours."""
_VIRAL_CURVE: Final = np.array([0.3, 0.21, 0.14, 0.1, 0.07, 0.05, 0.04, 0.03, 0.025, 0.02, 0.01, 0.005])
_QUIET_DAYS: Final = 2
"""No spike earlier: nobody can tell what is unusual before there is something usual."""
_DEAL: Final = np.array([[1.0, 0, 0], [0.7, 0.3, 0], [0.5, 0.3, 0.2]])
_FAINTEST: Final = 7.0
"""The first hour of every spike exceeds the usual by at least this many standard deviations."""


@dataclass(frozen=True)
class Spikes:
    """Sudden gains of followers. `hour` counts from the epoch, `size` is the whole gain, `first` its first hour."""

    kol: Ints
    hour: Ints
    hours: Ints
    cause: list[str]
    size: Ints
    first: Ints
    post: Ints
    """The post behind a viral spike, else -1."""


@dataclass(frozen=True)
class Posts:
    """Posts ordered by KOL and time. `gained` are (n, LOOKS) views, likes, comments, shares between two looks."""

    kol: Ints
    published_us: Ints
    look_us: Ints
    number: Ints
    views: Floats
    likes: Floats
    comments: Floats
    shares: Floats

    def hour(self) -> Ints:
        """(n, LOOKS) hour of each look."""
        return self.look_us // HOUR_US


def publish(cast: Cast, clock: Clock, rng: np.random.Generator) -> Posts:
    """When who posts, from two days before the world begins, and how many views each look would usually find."""
    first = clock.start - LOOKS
    hours = np.arange(first, clock.stop)
    rate = cast.posts_per_day[:, None] / 24 * clock.mood(hours - 1)
    kol, column = np.nonzero(rng.random(rate.shape) < rate)
    n = len(kol)
    published = (first + column) * HOUR_US + rng.integers(0, 3600, n) * 1_000_000
    offset = rng.integers(600, 3300, n)[:, None] + np.arange(LOOKS) * 3600 + rng.integers(0, 20, (n, LOOKS))
    look = published[:, None] + offset * 1_000_000
    age = np.arange(LOOKS)
    fade = 0.8 * np.exp(-age / 6) / 6 + 0.2 * np.exp(-age / 26) / 26
    total = cast.followers[kol] * cast.reach[kol] * np.exp(rng.normal(0, 0.6, n))
    views = total[:, None] * fade * clock.mood(look // HOUR_US) ** 0.8 * rng.gamma(12, 1 / 12, (n, LOOKS))
    number = np.arange(n) - np.searchsorted(kol, kol)
    zeros = np.zeros_like(views)
    return Posts(kol, published, look, number, views, zeros, zeros, zeros)


def usual_gains(cast: Cast, posts: Posts, clock: Clock, rng: np.random.Generator) -> Ints:
    """(kols, hours) followers gained in each hour when nothing special happens: by the hour of day and by own posts."""
    seen = by_hour(posts, posts.views, clock, len(cast.ids))
    pull = np.clip(seen / np.maximum(seen.mean(axis=1, keepdims=True), 1e-9), 0, 4)
    expected = cast.growth[:, None] * clock.mood(clock.all_hours()) ** 0.5 * (0.75 + 0.25 * pull)
    return np.asarray(rng.poisson(expected * rng.gamma(60, 1 / 60, expected.shape)) - rng.poisson(0.15 * expected))


def by_hour(posts: Posts, values: Floats, clock: Clock, kols: int) -> Floats:
    """(kols, hours) sums of what looks found."""
    hour = posts.hour() - clock.start
    inside = (hour >= 0) & (hour < clock.hours)
    flat = (posts.kol[:, None] * clock.hours + hour)[inside]
    summed: Floats = np.bincount(flat, values[inside], kols * clock.hours).astype(np.float64)
    return summed.reshape(kols, clock.hours)


def plan_spikes(cast: Cast, posts: Posts, usual: Ints, clock: Clock, rng: np.random.Generator) -> Spikes:
    """Which spikes happen. Those of one KOL lie at least a day and a half apart."""
    earliest = clock.start + min(_QUIET_DAYS * 24, clock.hours // 4)
    rows: list[tuple[int, int, str, int]] = []
    for kol in range(len(cast.ids)):
        wishes: list[tuple[int, str, int]] = []
        if cast.kind[kol] == BOUGHT:
            count = 2 + rng.poisson(0.4 + 1.6 * cast.intensity[kol])
            wishes += [(int(hour), "bought", -1) for hour in rng.integers(earliest, clock.stop, count)]
        if cast.kind[kol] == VIRAL:
            own = np.flatnonzero(posts.kol == kol)
            at = posts.hour()[own, rng.integers(1, 8, len(own))]
            fit = np.flatnonzero((at >= earliest) & (at < clock.stop))
            count = min(1 + int(rng.poisson(0.9)), len(fit))
            wishes += [(int(at[i]), "viral", int(own[i])) for i in rng.choice(fit, count, replace=False)]
        if cast.mentioned[kol]:
            wishes.append((int(rng.integers(earliest, clock.stop)), "mention", -1))
        taken: list[int] = []
        for hour, cause, post in wishes:
            if all(abs(hour - other) >= 36 for other in taken):
                taken.append(hour)
                rows.append((kol, hour, cause, post))
    kols, hours = (np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1))
    behind: Ints = np.array([row[3] for row in rows], dtype=np.int64)
    return _size(cast, usual, Spikes(kols, hours, hours * 0, [r[2] for r in rows], hours * 0, hours * 0, behind), rng)


def _size(cast: Cast, usual: Ints, spikes: Spikes, rng: np.random.Generator) -> Spikes:
    """Small accounts jump by more than large ones, all far beyond what is usual for them."""
    followers = cast.followers[spikes.kol]
    share = 0.06 * (followers / 5e4) ** -0.2 * np.exp(rng.normal(0, 0.5, len(followers)))
    noise = usual.std(axis=1)[spikes.kol]
    first = np.maximum(np.clip(share, 0.012, 0.35) * followers, _FAINTEST * noise + 5).astype(np.int64)
    return replace(spikes, first=first)


def deliver(spikes: Spikes, cast: Cast, usual: Ints, clock: Clock, rng: np.random.Generator) -> tuple[Ints, Spikes]:
    """(kols, hours) followers gained and lost again by spikes, and the spikes with sizes and lengths filled in."""
    extra = np.zeros((len(cast.ids), clock.hours))
    size, hours = np.zeros_like(spikes.kol), np.zeros_like(spikes.kol)
    for i, (kol, hour, cause) in enumerate(zip(spikes.kol, spikes.hour, spikes.cause, strict=True)):
        shape = _DEAL[rng.integers(3)] if cause == "bought" else _VIRAL_CURVE
        gain = np.rint(spikes.first[i] / shape[0] * shape * np.append(1, rng.uniform(0.85, 1.15, len(shape) - 1)))
        column = hour - clock.start
        part = gain[: clock.hours - column]
        extra[kol, column : column + len(part)] += part
        size[i] = part.sum()
        hours[i] = np.flatnonzero(part > 2 * usual[kol].std()).max(initial=0) + 1
        if cause == "bought":
            lost, pace = size[i] * rng.uniform(0.25, 0.7), rng.uniform(24, 120)
            after = np.arange(clock.hours - column - len(part)) + 1.0
            extra[kol, column + len(part) :] -= rng.poisson(lost / pace * np.exp(-after / pace))
    return extra.astype(np.int64), replace(spikes, size=size, hours=hours)


def explain(posts: Posts, spikes: Spikes, cast: Cast, rng: np.random.Generator) -> Posts:
    """Views that viral spikes bring, and the likes, comments and shares of every look."""
    views = posts.views.copy()
    for post, hour, first in zip(spikes.post, spikes.hour, spikes.first, strict=True):
        if post >= 0:
            look = int(np.searchsorted(posts.hour()[post], hour))
            part = _VIRAL_CURVE[: LOOKS - look] / _VIRAL_CURVE[0]
            views[post, look : look + len(part)] += first / rng.uniform(0.012, 0.05) * part
    kol = posts.kol

    def share(rate: Floats, sigma: float) -> Floats:
        made = views * (rate[kol] * np.exp(rng.normal(0, sigma, len(kol))))[:, None]
        return made * rng.gamma(15, 1 / 15, views.shape)

    likes = share(cast.like_rate, 0.25)
    ring: Bools = cast.kind[kol] > BOUGHT
    helped = ring[:, None] & (np.arange(LOOKS) < 3)  # bought and traded likes come at once, with no views behind them
    likes += np.where(helped, 0.02 * (cast.intensity * cast.followers * cast.reach)[kol, None], 0)
    return replace(
        posts, views=views, likes=likes, comments=share(cast.comment_rate, 0.3), shares=share(cast.share_rate, 0.3)
    )
