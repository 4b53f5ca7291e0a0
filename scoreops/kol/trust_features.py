"""What the trust score reads: seven days of a KOL's hours, as they stood before an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.spec import Schema
from scoreops.kol.hours import HourCube

Array = NDArray[np.float64]

WINDOW_HOURS: Final = 168
MIN_HOURS: Final = 48
"""Below this much history there is no score."""
SPIKE_Z: Final = 4.0
SPIKE_SHARE: Final = 0.05
_TIERS: Final = np.log([1e4, 1e5, 1e6])

MEANING: Final[Mapping[str, str]] = {
    "log_followers": "number of followers",
    "growth_7d": "follower growth over a week",
    "growth_z_max": "largest hourly jump in followers",
    "spike_share": "share of new followers that came in jumps",
    "unexplained_share": "share of new followers in jumps that no views explain",
    "decay_after_spike": "followers lost again after a jump",
    "follower_noise": "unevenness of follower growth",
    "following_ratio": "accounts followed, by follower",
    "posts_per_day": "posts a day",
    "engagement": "likes and comments by follower",
    "engagement_peer_z": "engagement against accounts of the same platform and size",
    "reach": "views by follower",
    "like_view": "likes by view",
    "like_view_peer_z": "likes by view against peers",
    "comment_like": "comments by like",
    "comment_like_peer_z": "comments by like against peers",
    "share_like": "shares by like",
    "distinct_text_share": "variety of the comments",
    "distinct_user_share": "variety of the people who comment",
    "spam_share": "spam among the comments",
    "negative_share": "negative comments",
    "positive_share": "positive comments",
    "comment_burst": "share of the comments that came in one hour",
    "click_rate": "clicks by visit",
    "conversion": "orders by click",
    "refund_rate": "refunds by order",
    "revenue_per_visit": "revenue by visit",
    "visits_per_follower": "visits by follower",
    "night_share": "share of the activity at night in Vietnam",
}
TRUST_FEATURES: Final = Schema(tuple(MEANING))
_LOGS: Final = (
    *("follower_noise", "following_ratio", "engagement", "reach", "like_view", "comment_like", "share_like"),
    *("revenue_per_visit", "visits_per_follower"),
)
LOGGED: Final = {
    "growth_7d": np.expm1,
    "log_followers": np.expm1,
    "growth_z_max": np.expm1,
    **dict.fromkeys(_LOGS, np.exp),
}
"""Columns held as logarithms, and how to read them."""
BUSINESS: Final = ("click_rate", "conversion", "refund_rate", "revenue_per_visit", "visits_per_follower")
"""Columns that only a KOL with campaigns has."""


def trust_features(cube: HourCube, hours: NDArray[np.int64]) -> Array:
    """(n_kols, len(hours), len(TRUST_FEATURES)); the features at hour h use hours before h only, NaN is missing."""
    made = [_at(cube.slice(max(cube.start, int(h) - WINDOW_HOURS), int(h))) for h in hours]
    if not made:
        return np.empty((len(cube.kols), 0, len(TRUST_FEATURES)))
    stacked: Array = np.stack(made, axis=1)
    return stacked


def _at(cube: HourCube) -> Array:
    size = (len(cube.kols), len(TRUST_FEATURES))
    if cube.stop - cube.start < MIN_HOURS:
        return np.full(size, np.nan)
    parts = {**_audience(cube), **_engagement(cube), **_comments(cube), **_business(cube)}
    groups = np.array(peer_groups(cube.platforms, parts["log_followers"]), dtype=np.str_)
    for name in ("engagement", "like_view", "comment_like"):
        parts[f"{name}_peer_z"] = _peer_z(parts[name], groups)
    made: Array = np.stack([parts[name] for name in TRUST_FEATURES.columns], axis=1)
    return made


def _ratio(top: Array, bottom: Array, *, least: float = 1.0) -> Array:
    """Top / bottom, NaN where the bottom is below `least`: too little to speak of a share."""
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom >= least))


def _log(x: Array) -> Array:
    return np.asarray(np.log(np.maximum(x, 1e-6)))


def _audience(cube: HourCube) -> dict[str, Array]:
    followers = cube["followers"]
    delta = np.diff(followers, axis=1, prepend=followers[:, :1])
    known = np.nan_to_num(delta)
    median = np.median(known, axis=1, keepdims=True)
    scale = 1.4826 * np.median(np.abs(known - median), axis=1, keepdims=True)
    floor = np.maximum(1.0, 0.0002 * np.nan_to_num(followers[:, :1]))
    z = (known - median) / np.maximum(scale, floor)
    before = np.maximum(np.nan_to_num(followers) - known, 1.0)
    spike = ((z > SPIKE_Z) & (known > 0.01 * before)) | (known > SPIKE_SHARE * before)
    excess = np.where(spike, known - median, 0.0)
    gained = np.maximum(known, 0).sum(axis=1)
    unexplained = np.where(_explained(cube), 0.0, excess)
    first = _first_known(followers)
    return {
        "log_followers": np.log1p(followers[:, -1]),
        "growth_7d": _log(followers[:, -1] / first),
        "growth_z_max": np.log1p(np.maximum(z.max(axis=1), 0)),
        "spike_share": _ratio(excess.sum(axis=1), gained),
        "unexplained_share": _ratio(unexplained.sum(axis=1), gained),
        "decay_after_spike": _decay(known, excess),
        "follower_noise": _log(known.std(axis=1) / np.maximum(np.abs(known).mean(axis=1), 1e-6)),
        "following_ratio": _log(_ratio(cube["following"][:, -1], followers[:, -1])),
    }


def _first_known(values: Array) -> Array:
    place = np.argmax(~np.isnan(values), axis=1)
    return np.asarray(values[np.arange(len(values)), place])


def _explained(cube: HourCube) -> NDArray[np.bool_]:
    """Hours in or shortly after which views were far above their usual level."""
    views = np.where(np.isnan(cube["d_views"]), cube["d_likes"], cube["d_views"])
    views = np.maximum(views, 0)
    summed = np.cumsum(views, axis=1)
    recent = summed.copy()
    recent[:, 4:] -= summed[:, :-4]
    usual = np.median(recent, axis=1, keepdims=True)
    return np.asarray(recent > 3 * np.maximum(usual, recent.mean(axis=1, keepdims=True) * 0.5))


def _decay(delta: Array, excess: Array) -> Array:
    """Followers lost since the first jump, as a share of what the jumps brought; NaN without a jump."""
    jumped = np.cumsum(excess, axis=1) > 0
    lost = np.where(jumped, np.maximum(-delta, 0), 0).sum(axis=1)
    return _ratio(lost, excess.sum(axis=1))


def _engagement(cube: HourCube) -> dict[str, Array]:
    likes, comments, shares, views = (
        np.maximum(cube[f"d_{name}"], 0).sum(axis=1) for name in ("likes", "comments", "shares", "views")
    )
    days = (cube.stop - cube.start) / 24
    followers = cube["followers"][:, -1]
    return {
        "posts_per_day": cube["new_posts"].sum(axis=1) / days,
        "engagement": _log(_ratio(likes + comments, followers) / days),
        "reach": _log(_ratio(views, followers) / days),
        "like_view": _log(_ratio(likes, views, least=50)),
        "comment_like": _log(_ratio(comments, likes, least=20)),
        "share_like": _log(_ratio(shares, likes, least=20)),
    }


def _comments(cube: HourCube) -> dict[str, Array]:
    comments = cube["n_comments"].sum(axis=1)

    def share(name: str) -> Array:
        return _ratio(cube[name].sum(axis=1), comments, least=10)

    return {
        "distinct_text_share": share("distinct_texts"),
        "distinct_user_share": share("distinct_users"),
        "spam_share": share("n_spam"),
        "negative_share": share("n_negative"),
        "positive_share": share("n_positive"),
        "comment_burst": _ratio(cube["n_comments"].max(axis=1), comments, least=10),
    }


def _business(cube: HourCube) -> dict[str, Array]:
    visits, clicks, orders, refunds, revenue = (
        cube[name].sum(axis=1) for name in ("visits", "clicks", "orders", "refunds", "revenue")
    )
    local = (np.arange(cube.start, cube.stop) + 7) % 24
    night = cube["n_events"][:, local < 5].sum(axis=1)
    return {
        "click_rate": _ratio(clicks, visits, least=20),
        "conversion": _ratio(orders, clicks, least=20),
        "refund_rate": _ratio(refunds, orders, least=5),
        "revenue_per_visit": _log(_ratio(revenue, visits, least=20)),
        "visits_per_follower": _log(_ratio(visits, cube["followers"][:, -1])),
        "night_share": _ratio(night, cube["n_events"].sum(axis=1), least=20),
    }


def peer_groups(platforms: Sequence[str], log_followers: Array) -> list[str]:
    """Platform and follower tier of each KOL, the peers it is compared with: "tiktok/2" is 100k to 1M on TikTok."""
    tiers = np.searchsorted(_TIERS, np.nan_to_num(log_followers)).tolist()
    return [f"{platform}/{tier}" for platform, tier in zip(platforms, tiers, strict=True)]


def _peer_z(values: Array, groups: NDArray[np.str_]) -> Array:
    """Robust z against the KOLs of the same group at the same hour; against everybody in groups below eight."""
    scores = np.full(values.shape, np.nan)
    for group in np.unique(groups):
        inside = groups == group
        peers = values[inside] if np.isfinite(values[inside]).sum() >= 8 else values
        finite = peers[np.isfinite(peers)]
        if len(finite) >= 8:
            median = np.median(finite)
            spread = 1.4826 * np.median(np.abs(finite - median))
            scores[inside] = (values[inside] - median) / max(spread, 1e-6)
    return np.asarray(np.clip(scores, -10, 10))
