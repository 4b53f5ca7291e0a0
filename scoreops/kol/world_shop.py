"""Campaigns of the generated world: visits that follow posts, and what becomes of them in the shop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoreops.kol.world_cast import Bools, Cast, Floats, Ints
from scoreops.kol.world_clock import HOUR_US, Clock

SLOTS: Final = 3
"""The world is cut into this many slots; in each a KOL runs one campaign or none, beside the link in the profile."""
_BUSY: Final = 0.46
_SECOND: Final = 1_000_000
_VND_PER_USD: Final = 26_000


@dataclass(frozen=True)
class Campaigns:
    """`slot` 0 is the link that always stands in the profile; the others run in [start, stop), hours from the epoch."""

    kol: Ints
    slot: Ints
    start: Ints
    stop: Ints
    dollars: Bools
    lift: Floats

    def id_of(self, i: int | np.int64, cast: Cast) -> str:
        """Identifier of campaign i."""
        return f"{cast.ids[self.kol[i]]}-c{self.slot[i]}"


def plan_campaigns(cast: Cast, clock: Clock, rng: np.random.Generator) -> Campaigns:
    """One lasting link for each KOL (row = KOL), then the campaigns with a beginning and an end."""
    n, width = len(cast.ids), clock.hours // SLOTS
    busy = rng.random((n, SLOTS)) < _BUSY
    length = (width * rng.uniform(0.45, 0.85, (n, SLOTS))).astype(np.int64)
    begin = clock.start + np.arange(SLOTS) * width + (rng.random((n, SLOTS)) * (width - length)).astype(np.int64)
    kol, slot = np.nonzero(busy)
    everyone = np.arange(n)
    return Campaigns(
        kol=np.append(everyone, kol),
        slot=np.append(everyone * 0, slot + 1),
        start=np.append(everyone * 0 + clock.start, begin[busy]),
        stop=np.append(everyone * 0 + clock.stop, (begin + length)[busy]),
        dollars=np.append(rng.random(n) < 0.1, rng.random(len(kol)) < 0.18),
        lift=np.append(np.zeros(n), rng.uniform(0.6, 2.0, len(kol))),
    )


def visit_rates(
    cast: Cast, campaigns: Campaigns, seen: Floats, clock: Clock, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """(kols, hours) expected visits, and the row of the campaign that runs then besides the lasting link, else -1.

    Visits follow the views of the hour and of the hours before it, local time, the campaign, and a mood that drifts
    over hours: the recent past says more than the same hour of yesterday.
    """
    running = np.full(seen.shape, -1)
    for i in range(len(cast.ids), len(campaigns.kol)):
        running[campaigns.kol[i], campaigns.start[i] - clock.start : campaigns.stop[i] - clock.start] = i
    echo = np.empty_like(seen)
    mood = np.empty_like(seen)
    calm, drift = np.zeros(len(seen)), rng.normal(0, 0.45, len(seen))
    for column in range(clock.hours):
        calm = 0.8 * calm + 0.2 * seen[:, column]
        drift = 0.95 * drift + 0.45 * (1 - 0.95**2) ** 0.5 * rng.normal(size=len(seen))
        echo[:, column], mood[:, column] = calm, np.exp(drift - 0.45**2 / 2)
    echo /= np.maximum(np.median(echo, axis=1, keepdims=True), 1e-9)
    pull = 0.3 + 0.7 * np.clip(echo, 0, 40) ** 0.7
    pull /= pull.mean(axis=1, keepdims=True)
    lift = np.where(running >= 0, campaigns.lift[running], 0.0)
    return cast.visits[:, None] * pull * clock.mood(clock.all_hours()) * (1 + lift) * mood, running


@dataclass(frozen=True)
class Visits:
    """Visits in no particular order; a stage that was not reached has time 0. Amounts are minor units."""

    kol: Ints
    campaign: Ints
    user: Ints
    view_us: Ints
    click_us: Ints
    cart_us: Ints
    purchase_us: Ints
    refund_us: Ints
    amount: Ints
    refunded: Ints


def shop(
    cast: Cast,
    campaigns: Campaigns,
    rates: Floats,
    running: Ints,
    first_hour: int,
    rng: np.random.Generator,
) -> Visits:
    """What happens after the visits of some hours; `rates` and `running` are (kols, hours) from `first_hour` on."""
    counts = rng.poisson(rates)
    kol, column = (np.repeat(index, counts[counts > 0]) for index in np.nonzero(counts))
    n = len(kol)
    current = running[kol, column]
    campaign = np.where((current >= 0) & (rng.random(n) < 0.75), current, kol)
    view = (first_hour + column) * HOUR_US + rng.integers(0, HOUR_US, n)

    def stage(before: Ints, chance: Floats, seconds: float) -> Ints:
        wait = rng.exponential(seconds, n) + 2
        return np.where((before > 0) & (rng.random(n) < chance), before + (wait * _SECOND).astype(np.int64), 0)

    click = stage(view, cast.click_rate[kol], 25)
    cart = stage(click, cast.cart_rate[kol], 90)
    purchase = stage(cart, cast.buy_rate[kol], 400)
    refund = stage(purchase, cast.refund_rate[kol], 40 * 3600)
    vnd = cast.basket_vnd[kol] * np.exp(rng.normal(0, 0.45, n))
    dollars = campaigns.dollars[campaign]
    amount = np.where(dollars, vnd * 100 / _VND_PER_USD, vnd / 1000 + 1).astype(np.int64)
    amount = np.maximum(np.where(dollars, amount, amount * 1000), 50)
    whole = rng.random(n) < 0.85
    refunded = np.where(whole, amount, np.maximum(amount // 2, 1))
    pool = np.clip(cast.followers[kol] * 0.01, 300, 20_000)
    user = (pool * rng.random(n) ** 1.3).astype(np.int64)
    return Visits(kol, campaign, user, view, click, cart, purchase, refund, amount, refunded)
