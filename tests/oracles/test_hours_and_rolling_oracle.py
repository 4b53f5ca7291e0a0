"""The hourly cube and the rolling features against loops over the events themselves."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoreops.kol.features import ROLLING, rolling
from scoreops.kol.hours import CHANNELS, hour_cube
from scoreops.kol.lexicon import flags
from tests.drawn import happenings
from tests.making import AT_MINUTE, HOUR, tiles

SPAN = range(200)
ASKED = AT_MINUTE + 150
EDGES = [150 - age for age in (-1, 0, 4, 5, 14, 15, 59, 60, 119, 120, 140)]
"""Minutes on both sides of every window's edge, seen from ASKED."""
COUNTED = {
    "comments": "comment",
    "visits": "view",
    "clicks": "click",
    "carts": "add_to_cart",
    "orders": "purchase",
    "refunds": "refund",
}


def minute_of(made):
    return math.floor(made.event_time.timestamp() / 60)


def vnd(made):
    return made.amount_minor * (260 if made.currency == "USD" else 1)


def gains(events, name):
    """(kol, minute, gain) of every last look of a minute, by walking each post in time."""
    looks = {}
    for made in sorted((e for e in events if e.type == "post_metrics"), key=lambda e: e.event_time):
        looks.setdefault((made.kol_id, made.post_id), {})[minute_of(made)] = made
    for (kol, _), by_minute in looks.items():
        before = None
        for minute, look in by_minute.items():
            value = getattr(look, name)
            if value is None:
                continue
            if before is None:
                new = (look.event_time - look.published_at).total_seconds() <= 7200
                yield kol, minute, value if new else 0
            else:
                yield kol, minute, value - before
            before = value


def sketched(items):
    """Linear counting over 256 buckets."""
    return -256 * math.log(max(256 - len(set(items)), 1) / 256)


def audience(events):
    comments = [e for e in events if e.type == "comment"]
    texts = sketched(flags(e.text).bucket for e in comments)
    return len(comments), texts, sketched(int(e.user_id[:2], 16) for e in comments)


def expected_rolling(events, kol, minute):
    own = [e for e in events if e.kol_id == kol and minute - 120 < minute_of(e) <= minute]

    def aged(least, most, kind):
        return [e for e in own if e.type == kind and least <= minute - minute_of(e) < most]

    def gained(name, least, most):
        return sum(g for k, m, g in gains(events, name) if k == kol and least <= minute - m < most)

    want = {}
    for size in (5, 15, 60):
        comments = aged(0, size, "comment")
        marks = [flags(e.text) for e in comments]
        want |= {f"{alias}_{size}m": len(aged(0, size, kind)) for alias, kind in COUNTED.items()}
        want[f"revenue_{size}m"] = sum(map(vnd, aged(0, size, "purchase")))
        for mark in ("negative", "positive", "spam"):
            share = sum(getattr(m, mark) for m in marks) / len(marks) if marks else None
            want[f"{mark}_share_{size}m"] = share
        want |= {f"d_{name}_{size}m": gained(name, 0, size) for name in ("views", "likes", "comments", "shares")}
    n, texts, users = audience([e for e in own if minute - minute_of(e) < 60])
    profiles = sorted((e for e in own if e.type == "profile"), key=lambda e: e.event_time)
    old = [e for e in profiles if minute - minute_of(e) >= 60]
    now = profiles[-1].followers if profiles else None
    want |= {
        "clicks_lag_60m": len(aged(60, 120, "click")),
        "revenue_lag_60m": sum(map(vnd, aged(60, 120, "purchase"))),
        "d_views_lag_60m": gained("views", 60, 120),
        "views_velocity": want["d_views_5m"] / 5,
        "clicks_burst": want["clicks_5m"] / 5 / (want["clicks_60m"] / 60) if want["clicks_60m"] else None,
        "distinct_text_share_60m": texts / n if n else None,
        "distinct_user_share_60m": users / n if n else None,
        "followers": now,
        "followers_change_60m": now / old[-1].followers - 1 if old and old[-1].followers else None,
    }
    return want


@given(happenings(minutes=EDGES, max_size=40))
def test_rolling_features_are_those_of_loops_over_the_events(events):
    minute = ASKED
    made = {row["kol_id"]: row for row in rolling(tiles(*events), minute).iter_rows(named=True)}
    assert set(made) == {e.kol_id for e in events if minute - 120 < minute_of(e) <= minute}
    known = [e for e in events if minute_of(e) <= minute]
    for kol, row in made.items():
        want = expected_rolling(known, kol, minute)
        assert set(want) == set(ROLLING)
        for name, value in want.items():
            got = row[name]
            if value is None:  # undefined is null, never 0 and never infinite
                assert got is None, name
            else:
                assert got is not None, name
                assert math.isclose(got, value, rel_tol=1e-12, abs_tol=1e-9), (name, got, value)


def expected_hour(events, kol, hour):
    own = [e for e in events if e.kol_id == kol and minute_of(e) // 60 == hour]

    def of(kind):
        return [e for e in own if e.type == kind]

    marks = [flags(e.text) for e in of("comment")]
    n, texts, users = audience(own)
    want = {
        "n_events": len(own),
        "n_comments": n,
        "distinct_texts": texts,
        "distinct_users": users,
        "visits": len(of("view")),
        "clicks": len(of("click")),
        "carts": len(of("add_to_cart")),
        "orders": len(of("purchase")),
        "refunds": len(of("refund")),
        "revenue": sum(map(vnd, of("purchase"))),
        "refunded": sum(map(vnd, of("refund"))),
        **{f"n_{mark}": sum(getattr(m, mark) for m in marks) for mark in ("negative", "positive", "spam")},
    }
    profiles = sorted(
        (e for e in events if e.kol_id == kol and e.type == "profile" and minute_of(e) // 60 <= hour),
        key=lambda e: e.event_time,
    )
    last = profiles[-1] if profiles else None
    for channel, name in (("followers", "followers"), ("following", "following"), ("n_posts", "posts")):
        want[channel] = getattr(last, name) if last else math.nan
    for name in ("views", "likes", "comments", "shares"):
        want[f"d_{name}"] = sum(g for k, m, g in gains(events, name) if k == kol and m // 60 == hour)
    looks = [e for e in events if e.kol_id == kol and e.type == "post_metrics"]
    if looks and all(e.views is None for e in looks):
        want["d_views"] = math.nan
    first = {}
    for e in sorted(looks, key=lambda e: e.event_time):
        first.setdefault(e.post_id, e)
    fresh = [e for e in first.values() if (e.event_time - e.published_at).total_seconds() <= 7200]
    want["new_posts"] = sum(minute_of(e) // 60 == hour for e in fresh)
    return want


@given(happenings(minutes=SPAN, max_size=40), st.integers(0, 2))
def test_the_cube_holds_what_loops_over_the_events_count(events, late):
    start, stop = HOUR + late, HOUR + 4
    made = hour_cube(tiles(*events), start, stop, kols=["a", "b", "nobody"])
    assert set(made.values) == set(CHANNELS)
    for row, kol in enumerate(made.kols):
        for hour in range(start, stop):
            want = expected_hour(events, kol, hour)
            for name, value in want.items():
                np.testing.assert_allclose(made[name][row, hour - start], value, rtol=1e-12, atol=1e-9, err_msg=name)


@given(happenings(minutes=SPAN, max_size=30), st.integers(1, 3))
def test_a_cube_made_in_two_parts_is_the_same_cube(events, cut):
    made = tiles(*events)
    whole = hour_cube(made, HOUR, HOUR + 4, kols=["a", "b"])
    parts = [
        hour_cube(made, first, stop, kols=["a", "b"]) for first, stop in ((HOUR, HOUR + cut), (HOUR + cut, HOUR + 4))
    ]
    joined = parts[0].append(parts[1])
    assert (joined.start, joined.stop) == (whole.start, whole.stop)
    for name in set(CHANNELS) - {"d_views", "d_shares"}:  # whether those are shown is learned from all of a part
        np.testing.assert_array_equal(joined[name], whole[name], err_msg=name)
    cut_out = whole.slice(HOUR + cut, HOUR + 4)
    assert cut_out.start == HOUR + cut
    np.testing.assert_array_equal(cut_out["clicks"], parts[1]["clicks"])
