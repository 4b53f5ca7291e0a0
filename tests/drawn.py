"""Hypothesis strategies of small, crowded worlds: few KOLs, posts and minutes, so that everything collides."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.making import KINDS, USER, event, when

MINUTES = range(5)
_COUNT = st.integers(0, 50)
_TEXTS = st.sampled_from(["đẹp quá", "lừa đảo", "inbox mình", "love it so much", "🙂", "ok"])
_USERS = st.sampled_from([USER, "f" * 32, "00" + "a" * 30])


@st.composite
def one_event(draw, kinds=KINDS, minutes=MINUTES):
    kind = draw(st.sampled_from(kinds))
    kol = draw(st.sampled_from(["a", "b"]))
    second = draw(st.sampled_from([0, 0.5, 59.999999])) + 60 * draw(st.sampled_from(minutes))
    changes = {"kol_id": kol, "platform": "tiktok" if kol == "a" else "youtube", "event_time": when(second)}
    number = str(draw(st.integers(0, 10**6)))
    if kind == "post_metrics":
        old = draw(st.booleans())
        changes |= {name: draw(_COUNT) for name in ("views", "likes", "comments", "shares")}
        changes["post_id"] = draw(st.sampled_from(["p", "q"]))
        changes["published_at"] = when(second - (7201 if old else 30))
        changes["views"] = None if kol == "b" and changes["post_id"] == "q" else changes["views"]
    elif kind == "profile":
        changes |= {name: draw(_COUNT) for name in ("followers", "following", "posts")}
    elif kind == "comment":
        changes |= {"comment_id": number, "text": draw(_TEXTS), "user_id": draw(_USERS)}
    elif kind in ("purchase", "refund"):
        money = {"amount_minor": draw(st.integers(1, 10**6)), "currency": draw(st.sampled_from(["VND", "USD"]))}
        changes |= {"order_id": number, **money}
    else:
        changes["session_id"] = number
    return event(kind, **changes)


def happenings(kinds=KINDS, minutes=MINUTES, max_size=25):
    """Lists of events, each happening told once."""
    return st.lists(one_event(kinds, minutes), max_size=max_size, unique_by=lambda made: made.event_id)
