"""Who lives in the generated world: small companies, their customers and products, and the calendar they work by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS: Final = ("prompt", "usual", "slow", "slipping", "defaulter")
"""How customers pay: early, a few days late, weeks late, ever later, or sometimes never."""
_KIND_SHARES: Final = (0.42, 0.26, 0.16, 0.09, 0.07)
TRADES: Final = ("wholesale", "retail", "services", "horeca")
CARD_SHARE: Final = {"wholesale": 0.1, "retail": 0.6, "services": 0.2, "horeca": 0.75}
"""How much of the revenue is paid by card at once; customers on account owe the rest."""
SEGMENTS: Final = ("retailer", "restaurant", "office", "factory", "public")
PROVINCES: Final = ("01", "79", "48", "31", "92", "74", "75", "27", "22", "56", "38", "40", "77", "80", "46", "68")
"""Two-digit codes of provinces as they stood before July 2025."""
CATEGORIES: Final = ("food", "drink", "household", "tools", "care")
YOUNG_DAYS: Final = 21
"""Days of history of every tenth company, which began just now."""


@dataclass(frozen=True)
class Days:
    """The days of a world and what is special about each; arrays of length n."""

    start: date
    dates: pd.DatetimeIndex
    weekday: Ints
    """0 is Monday."""
    off: Bools
    """Saturday, Sunday or a public holiday in Vietnam."""
    to_tet: Ints
    """Days until the nearest first day of the lunar year; negative after it."""

    def __len__(self) -> int:
        return len(self.dates)

    def next_work(self, day: Ints) -> Ints:
        """The same day, or the next on which offices and banks work; days beyond the end stay."""
        at = np.arange(len(self))
        following = np.where(self.off, len(self), at)
        following = np.minimum.accumulate(following[::-1])[::-1]
        inside = (day >= 0) & (day < len(self))
        found: Ints = np.where(inside, following[np.clip(day, 0, len(self) - 1)], day)
        return found


def calendar(end: date, days: int) -> Days:
    """`days` days up to and with `end`."""
    dates = pd.date_range(end=end, periods=days, freq="D")
    years = range(dates[0].year - 1, end.year + 2)
    known = holidays.country_holidays("VN", years=years, language="en_US")
    tets = np.array([np.datetime64(day, "D") for day, name in known.items() if name == "Lunar New Year"])
    gaps = (tets[None, :] - dates.to_numpy().astype("datetime64[D]")[:, None]).astype(np.int64)
    to_tet = np.take_along_axis(gaps, np.abs(gaps).argmin(axis=1)[:, None], axis=1)[:, 0]
    public = np.array([day.date() in known for day in dates])
    weekday = dates.dayofweek.to_numpy().astype(np.int64)
    return Days(dates[0].date(), dates, weekday, public | (weekday >= 5), to_tet)


@dataclass(frozen=True)
class Org:
    """One company and its customers; arrays of length n are its customers', of length p its products'."""

    org_id: str
    trade: str
    currency: str
    first_day: int
    """The day of the world on which its history begins."""
    turnover: float
    """Expected revenue of an average day in minor units."""
    cost_share: float
    """What it spends of its revenue; near 1 its cash runs out."""
    customer_ids: NDArray[np.object_]
    kind: Ints
    terms: Ints
    """Days from invoice to due date."""
    rate: Floats
    """Expected orders on an average working day."""
    clears_before_tet: Bools
    """Settles its debts before the lunar year ends, as custom asks; others pay after the holidays."""
    prices: Ints
    """Unit prices of its products in minor units."""


def draw_org(number: int, days: Days, rng: np.random.Generator) -> Org:
    """Company `number` of the world; the same generator state gives the same company, whatever others there are."""
    dollars = number % 8 == 7
    n, p = int(rng.integers(12, 46)), int(rng.integers(8, 24))
    size = float(np.exp(rng.normal(0, 0.5)))
    return Org(
        org_id=f"org-{number:03d}",
        trade=TRADES[number % len(TRADES)],
        currency="USD" if dollars else "VND",
        first_day=max(0, len(days) - YOUNG_DAYS) if number % 10 == 9 else 0,
        turnover=size * (180_000 if dollars else 42_000_000),
        cost_share=float(rng.choice([0.84, 0.89, 0.93, 0.97])),
        customer_ids=np.array([f"cus-{i:04d}" for i in range(n)], dtype=object),
        kind=rng.choice(len(KINDS), n, p=_KIND_SHARES),
        terms=rng.choice([15, 30, 45, 60], n, p=[0.3, 0.45, 0.15, 0.1]),
        rate=rng.gamma(1.6, 0.12, n) + 0.02,
        clears_before_tet=rng.random(n) < 0.55,
        prices=_round(np.exp(rng.normal(11.6, 0.9, p)) / (250 if dollars else 1), dollars=dollars),
    )


def _round(amounts: Floats, *, dollars: bool) -> Ints:
    step = 5 if dollars else 500
    return (np.maximum(amounts, step) // step * step).astype(np.int64)


def customers_of(org: Org, days: Days, rng: np.random.Generator) -> pd.DataFrame:
    """The table `customers` of one company."""
    n = len(org.customer_ids)
    since = days.dates[org.first_day] - pd.to_timedelta(rng.integers(5, 1500, n), unit="D")
    return pd.DataFrame(
        {
            "org_id": org.org_id,
            "customer_id": org.customer_ids,
            "name": [f"Customer {i:04d} of {org.org_id}" for i in range(n)],
            "segment": np.array(SEGMENTS, dtype=object)[rng.integers(0, len(SEGMENTS), n)],
            "province_code": np.array(PROVINCES, dtype=object)[rng.integers(0, len(PROVINCES), n)],
            "since": since.date,
        }
    )


def products_of(org: Org, rng: np.random.Generator) -> pd.DataFrame:
    """The table `products` of one company."""
    p = len(org.prices)
    category = np.array(CATEGORIES, dtype=object)[rng.integers(0, len(CATEGORIES), p)]
    return pd.DataFrame(
        {
            "org_id": org.org_id,
            "product_id": [f"prd-{i:03d}" for i in range(p)],
            "name": [f"{kind} {i:03d}" for i, kind in enumerate(category)],
            "category": category,
            "unit_price_minor": org.prices,
            "unit_cost_minor": (org.prices * rng.uniform(0.5, 0.75, p)).astype(np.int64),
            "currency": org.currency,
        }
    )


def demand(org: Org, days: Days) -> Floats:
    """(days,) how much more than on an average day is sold: weekday, payday, growth, and the weeks around Tet."""
    weekend = {"wholesale": 0.25, "retail": 1.25, "services": 0.1, "horeca": 1.45}[org.trade]
    level = np.where(days.weekday >= 5, weekend, 1.0)
    day = days.dates.day.to_numpy()
    level = level * np.where((day >= 5) & (day <= 9), 1.12, 1.0)
    near = days.to_tet
    peak = {"wholesale": 1.7, "retail": 2.1, "services": 1.15, "horeca": 1.3}[org.trade]
    rising = np.clip((28 - near) / 24, 0, 1)
    level = level * np.where((near > 3) & (near <= 28), 1 + (peak - 1) * rising, 1.0)
    level = level * np.where((near <= 1) & (near > -6), 0.06, 1.0)
    level = level * np.where((near <= -6) & (near > -16), 0.65, 1.0)
    years = np.arange(len(days)) / 365.0
    found: Floats = level / level.mean() * 1.08 ** (years - years.mean())
    return found
