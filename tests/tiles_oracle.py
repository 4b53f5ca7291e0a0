"""Tiles of a list of JSON lines by plain loops: shares no code with the fold."""

import json
from collections import defaultdict
from datetime import datetime

COUNTED = {
    "comment": "n_comments",
    "view": "n_views",
    "click": "n_clicks",
    "add_to_cart": "n_carts",
    "purchase": "n_purchases",
    "refund": "n_refunds",
}


def micros(text):
    at = datetime.fromisoformat(text)
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def expected_tiles(lines):
    """(minutes, posts): {(kol, minute): {...}} and {(kol, post, minute): (...)} of the distinct good events."""
    seen, minutes, profiles, posts = set(), defaultdict(lambda: defaultdict(int)), {}, {}
    for line in lines:
        event = json.loads(line)
        if event["event_id"] in seen:
            continue
        seen.add(event["event_id"])
        at = micros(event["event_time"])
        key = (event["kol_id"], at // 60_000_000)
        minutes[key]["n_events"] += 1
        if event["type"] in COUNTED:
            minutes[key][COUNTED[event["type"]]] += 1
        if event["type"] in ("purchase", "refund"):
            kind = "revenue" if event["type"] == "purchase" else "refunded"
            minutes[key][f"{kind}_{event['currency'].lower()}"] += event["amount_minor"]
        if event["type"] == "profile":
            profiles[key] = max(profiles.get(key, (0,)), (at, event["followers"], event["following"], event["posts"]))
        if event["type"] == "post_metrics":
            place = (event["kol_id"], event["post_id"], key[1])
            counters = tuple(event[name] for name in ("views", "likes", "comments", "shares"))
            look = (at, micros(event["published_at"]), *counters)
            if place not in posts or look[0] > posts[place][0]:
                posts[place] = look
    for key, (_, followers, _, _) in profiles.items():
        minutes[key]["followers"] = followers
    return {key: dict(row) for key, row in minutes.items()}, posts


def as_dicts(tiles):
    """Our tiles in the oracle's shape; sums of 0 are left out, as a loop never makes them."""
    names = ["n_events", *COUNTED.values(), "revenue_vnd", "revenue_usd", "refunded_vnd", "refunded_usd", "followers"]
    minutes = {
        (row["kol_id"], row["minute"]): {
            name: row[name] for name in names if row[name] or (name == "followers" and row[name] is not None)
        }
        for row in tiles.minutes.iter_rows(named=True)
    }
    posts = {
        (row["kol_id"], row["post_id"], row["minute"]): tuple(
            row[name] for name in ("at_us", "published_us", "views", "likes", "comments", "shares")
        )
        for row in tiles.posts.iter_rows(named=True)
    }
    return minutes, posts
