"""Valid events, tiles and cubes to begin a test with; every field can be changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from scoreops.kol.events import AnyEvent, parse_fields
from scoreops.kol.hours import CHANNELS, HourCube
from scoreops.kol.tiles import Tiles, fold, to_table

AT = "2026-03-01T10:00:00Z"
AT_MINUTE = 29_539_320
"""Minute of AT since the epoch."""
HOUR = AT_MINUTE // 60
USER = "0123456789abcdef" * 2

_WHO = {"kol_id": "k1", "platform": "tiktok", "event_time": AT}
_VISIT = {"campaign_id": "c1", "user_id": USER, "session_id": "s1"}
_ORDER = {"campaign_id": "c1", "user_id": USER, "order_id": "o1", "amount_minor": 100_000, "currency": "VND"}
_FIELDS: dict[str, dict[str, Any]] = {
    "post_metrics": {"post_id": "p1", "published_at": AT, "views": 100, "likes": 10, "comments": 3, "shares": 1},
    "profile": {"followers": 1000, "following": 50, "posts": 7},
    "comment": {"post_id": "p1", "comment_id": "m1", "user_id": USER, "text": "đẹp quá"},
    "view": _VISIT,
    "click": _VISIT,
    "add_to_cart": _VISIT,
    "purchase": _ORDER,
    "refund": _ORDER,
}
KINDS = tuple(_FIELDS)


def fields(kind: str, **changes: Any) -> dict[str, Any]:
    """Decoded JSON of one event."""
    return {"type": kind, **_WHO, **_FIELDS[kind], **changes}


def event(kind: str, **changes: Any) -> AnyEvent:
    return parse_fields(fields(kind, **changes))


def tiles(*events: AnyEvent) -> Tiles:
    return fold(to_table(events))


def when(second: float, minute: int = AT_MINUTE) -> str:
    """ISO time, so many seconds after the beginning of `minute`."""
    return str(np.datetime64(minute * 60_000_000 + round(second * 1e6), "us")) + "Z"


def cube(hours: int, kols: int = 1, platforms: tuple[str, ...] | None = None, **channels: Any) -> HourCube:
    """A cube of zeros that starts at HOUR; `channels` are broadcast to (kols, hours)."""
    values = {name: np.zeros((kols, hours)) for name in CHANNELS}
    for name, given in channels.items():
        values[name] = np.broadcast_to(np.asarray(given, dtype=np.float64), (kols, hours)).copy()
    return HourCube(tuple(f"k{i}" for i in range(kols)), platforms or ("tiktok",) * kols, HOUR, values)
