"""Exports of other systems as events of our contract."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from scoreops.core.errors import BadInput

Fields = dict[str, Any]


def instafake(path: Path) -> Iterator[Fields]:
    """Instagram accounts with all their posts, in the shape of `instafake/genuine_posts.json`, in order of time.

    The export tells each post's counters once and not when it looked: they are taken as seen when the post came out,
    so that each counts in the hour of its publication. An account's profile is seen with its newest post. Views and
    shares are unknown. Accounts have no names in it; account number 7 becomes "ig-0007".
    """
    try:
        accounts = json.loads(path.read_text())
        columns = [(a["mediaUploadTimes"], a["mediaLikeNumbers"], a["mediaCommentNumbers"]) for a in accounts]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is no export of accounts with mediaUploadTimes and counters: {error}") from error
    made: list[tuple[int, Fields]] = []
    for number, (account, (times, likes, comments)) in enumerate(zip(accounts, columns, strict=True)):
        who = {"kol_id": f"ig-{number:04d}", "platform": "instagram"}
        for place, (at, like, comment) in enumerate(zip(times, likes, comments, strict=True)):
            counters = {"views": None, "likes": like, "comments": comment, "shares": None}
            post = {"type": "post_metrics", "post_id": f"{who['kol_id']}-{len(times) - place:05d}", **counters}
            made.append((at, who | post | {"published_at": _time(at), "event_time": _time(at)}))
        if times:
            made.append((max(times), who | _profile(account) | {"event_time": _time(max(times))}))
    made.sort(key=lambda item: item[0])
    return (fields for _, fields in made)


def _profile(account: Mapping[str, Any]) -> Fields:
    names = {"followers": "userFollowerCount", "following": "userFollowingCount", "posts": "userMediaCount"}
    return {"type": "profile", **{ours: account[theirs] for ours, theirs in names.items()}}


def retail(path: Path) -> Iterator[Fields]:
    """Hourly orders and revenue of one shop, in the shape of `online_retail_hourly`, as purchases, in order of time.

    An hour's revenue is divided over its orders to the cent, and the orders over the hour. The amounts count as USD;
    cancellations are left out, since their amounts are not told.
    """
    with path.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                hour = datetime.fromisoformat(row["ds"]).replace(tzinfo=UTC)
                orders, cents = int(row["orders"]), round(float(row["revenue"]) * 100)
            except (KeyError, ValueError) as error:
                raise BadInput(f"{path} line {line} has no ds, orders and revenue: {error}") from error
            yield from _orders(hour, orders, cents)


def _orders(hour: datetime, orders: int, cents: int) -> Iterator[Fields]:
    for place in range(orders):
        amount = cents * (place + 1) // orders - cents * place // orders
        order = f"{hour:%Y%m%d%H}-{place:04d}"
        yield {
            "type": "purchase",
            "kol_id": "shop",
            "platform": "facebook",
            "campaign_id": "shop",
            "user_id": f"{0:032x}",
            "order_id": order,
            "amount_minor": amount,
            "currency": "USD",
            "event_time": (hour + timedelta(hours=place / orders)).isoformat(),
        }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


IMPORTERS: Final[Mapping[str, Callable[[Path], Iterator[Fields]]]] = {"instafake": instafake, "retail": retail}
