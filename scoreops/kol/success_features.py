"""What the success forecast reads, and what it is to foretell: sums over hours before, and after, an hour."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.spec import Schema
from scoreops.kol.hours import HourCube

Array = NDArray[np.float64]
Hours = NDArray[np.int64]

METRICS: Final = ("clicks", "orders", "revenue")
HORIZONS: Final = (1, 24)
TARGETS: Final = tuple(f"{metric}_{horizon}h" for horizon in HORIZONS for metric in METRICS)
"""Totals of the next hour and of the next 24 hours; revenue in VND."""
PLATFORMS: Final = ("facebook", "instagram", "tiktok", "youtube")
WEEK: Final = 168

_CALENDAR: Final = ("as_of_hour", "platform", "hour_sin", "hour_cos", "weekday", "log_followers")
_PAST: Final = tuple(f"{metric}_past_{span}h" for metric in METRICS for span in (1, 3, 6, 24, WEEK))
_SEASONAL: Final = tuple(f"{metric}_week_ago_{horizon}h" for horizon in HORIZONS for metric in METRICS)
_SHARES: Final = tuple(f"{metric}_share" for metric in METRICS)
_DRIVERS: Final = (
    "visits_past_1h",
    "visits_past_6h",
    "visits_past_24h",
    "d_views_past_1h",
    "d_views_past_6h",
    "d_views_past_24h",
    "new_posts_past_6h",
    "new_posts_past_24h",
    "hours_since_post",
    "n_comments_past_6h",
)
COUPLING: Final = "trust_score_t_1"
"""The trust score of an hour strictly before the forecast's; NaN where there is none."""
SUCCESS_FEATURES: Final = Schema((*_CALENDAR, *_PAST, *_SEASONAL, *_SHARES, *_DRIVERS, COUPLING))


def success_features(cube: HourCube, hours: Hours) -> Array:
    """(n_kols, len(hours), len(SUCCESS_FEATURES)) at hour h from hours before h; the coupling column is NaN.

    The history before the cube counts as unknown: sums that would reach back over its start are NaN.
    """
    made: dict[str, Array] = _calendar(cube, hours)
    for metric in METRICS:
        for span in (1, 3, 6, 24, WEEK):
            made[f"{metric}_past_{span}h"] = _sum(cube, metric, hours - span, hours)
        for horizon in HORIZONS:
            made[f"{metric}_week_ago_{horizon}h"] = _sum(cube, metric, hours - WEEK, hours - WEEK + horizon)
        made[f"{metric}_share"] = _share(made[f"{metric}_past_{WEEK}h"], cube.platforms)
    for name in _DRIVERS:
        if "_past_" in name:
            channel, reach = name.removesuffix("h").split("_past_")
            made[name] = _sum(cube, channel, hours - int(reach), hours)
    made["hours_since_post"] = _since_post(cube, hours)
    made[COUPLING] = np.full((len(cube.kols), len(hours)), np.nan)
    return np.stack([made[name] for name in SUCCESS_FEATURES.columns], axis=2)


def success_targets(cube: HourCube, hours: Hours) -> Array:
    """(n_kols, len(hours), len(TARGETS)) totals from hour h on; NaN where the cube ends before the horizon does."""
    parts = [_sum(cube, metric, hours, hours + horizon) for horizon in HORIZONS for metric in METRICS]
    return np.stack(parts, axis=2)


def _sum(cube: HourCube, channel: str, first: Hours, stop: Hours) -> Array:
    """(n_kols, len(first)) sums over [first, stop); NaN where that is not wholly inside the cube."""
    values = np.nan_to_num(cube[channel])
    summed = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    inside = (first >= cube.start) & (stop <= cube.stop)
    left = np.where(inside, first - cube.start, 0)
    right = np.where(inside, stop - cube.start, 0)
    return np.where(inside, summed[:, right] - summed[:, left], np.nan)


def _calendar(cube: HourCube, hours: Hours) -> dict[str, Array]:
    n = len(cube.kols)
    local = hours + 7  # Vietnam has no summer time
    angle = 2 * np.pi * (local % 24) / 24

    def wide(values: NDArray[np.float64] | Hours) -> Array:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), (n, len(hours)))

    before = np.clip(hours - 1 - cube.start, 0, cube.stop - cube.start - 1)
    platform = np.array([[float(PLATFORMS.index(p)) if p in PLATFORMS else np.nan] for p in cube.platforms])
    return {
        "as_of_hour": wide(hours),
        "platform": np.broadcast_to(platform.reshape(n, 1), (n, len(hours))),
        "hour_sin": wide(np.sin(angle)),
        "hour_cos": wide(np.cos(angle)),
        "weekday": wide((local // 24 + 3) % 7),  # the epoch was a Thursday; Monday is 0
        "log_followers": np.log1p(cube["followers"][:, before]),
    }


def _share(total: Array, platforms: tuple[str, ...]) -> Array:
    """Each KOL's share of its platform's total over the past week; NaN where nothing happened there."""
    names = np.array(platforms)
    share = np.full(total.shape, np.nan)
    for name in np.unique(names):
        inside = names == name
        whole = total[inside].sum(axis=0)
        share[inside] = np.divide(total[inside], whole, out=np.full(total[inside].shape, np.nan), where=whole > 0)
    return share


def _since_post(cube: HourCube, hours: Hours) -> Array:
    posted = np.where(cube["new_posts"] > 0, np.arange(cube.start, cube.stop), -1)
    last = np.maximum.accumulate(posted, axis=1)
    before = hours - 1 - cube.start
    inside = (before >= 0) & (before < last.shape[1])
    seen = last[:, np.where(inside, before, 0)]
    return np.where(inside & (seen >= 0) & (hours - seen <= WEEK), hours - seen, np.nan)
