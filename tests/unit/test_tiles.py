"""Tiles: neither the order of events, nor how they are batched, nor repeats can change them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scoreops.kol import tile_codec
from scoreops.kol.events import encode
from scoreops.kol.tiles import EVENT_SCHEMA, MINUTES_SCHEMA, POSTS_SCHEMA, empty, fold, increments, merge, to_table
from tests.drawn import MINUTES, happenings, one_event
from tests.making import AT_MINUTE, KINDS, event, tiles, when
from tests.tiles_oracle import as_dicts, expected_tiles


def same(left, right):
    for a, b in zip(left, right, strict=True):
        assert_frame_equal(a, b)


@given(happenings())
def test_tiles_are_those_of_plain_loops(events):
    assert as_dicts(tiles(*events)) == expected_tiles([encode(made) for made in events])


@given(happenings(), st.randoms())
def test_order_and_repeats_change_nothing(events, draw):
    told = events + [made for made in events if draw.random() < 0.5]
    draw.shuffle(told)
    same(tiles(*told), tiles(*events))


@given(happenings(), st.randoms(), st.integers(1, 4))
def test_any_split_into_batches_gives_the_same(events, draw, batches):
    parts = [[] for _ in range(batches)]
    for made in events:
        draw.choice(parts).append(made)
    same(merge(*(tiles(*part) for part in parts)), tiles(*events))
    nested = empty()
    for part in parts:
        nested = merge(tiles(*part), nested)
    same(nested, tiles(*events))


@given(happenings(), one_event())
def test_a_late_event_changes_only_its_own_minute(events, late):
    events = [made for made in events if made.event_id != late.event_id]
    minute = int(late.event_time.timestamp()) // 60
    before, after = tiles(*events), tiles(*events, late)
    for left, right in zip(before, after, strict=True):
        place = [
            frame.filter(~((frame["kol_id"] == late.kol_id) & (frame["minute"] == minute))) for frame in (left, right)
        ]
        assert_frame_equal(*place)
    assert not after.minutes.equals(before.minutes)


@given(happenings())
def test_tiles_survive_the_store_bit_by_bit(events):
    made = tiles(*events)
    pairs = [[pair for hour in kept.values() for pair in hour.items()] for kept in tile_codec.encode(made)]
    same(tile_codec.decode(*(reversed(part) for part in pairs)), made)
    for found, kept in zip(tile_codec.fields(made), tile_codec.encode(made), strict=True):
        assert {hour: set(names) for hour, names in found.items()} == {h: set(kept[h]) for h in kept}


def test_no_events_are_no_tiles():
    same(fold(EVENT_SCHEMA.empty_table()), empty())
    assert empty().minutes.columns == MINUTES_SCHEMA.names
    assert empty().posts.columns == POSTS_SCHEMA.names
    same(merge(empty(), empty()), empty())


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_holds_every_field_of_every_kind(kind):
    row = to_table([event(kind)])
    assert row.schema == EVENT_SCHEMA
    told = event(kind).model_dump()
    assert {name: value for name, value in row.to_pylist()[0].items() if value is not None} == told


def test_a_minute_begins_at_its_first_microsecond():
    made = tiles(
        event("click", session_id="a", event_time=when(-1e-6)),
        event("click", session_id="b", event_time=when(0)),
        event("click", session_id="c", event_time=when(59.999999)),
    )
    assert made.minutes.select("minute", "n_clicks").rows() == [(AT_MINUTE - 1, 1), (AT_MINUTE, 2)]


def test_the_last_profile_of_a_minute_stands():
    late, early = (event("profile", event_time=when(s), followers=f) for s, f in ((40, 900), (20, 1000)))
    for order in ((late, early), (early, late)):
        assert tiles(*order).minutes["followers"].to_list() == [900]


def looks(*seen, published=0.0):
    """(minute, views) looks at one post."""
    return tiles(
        *(event("post_metrics", event_time=when(60 * m), published_at=when(published), views=v) for m, v in seen)
    )


@pytest.mark.parametrize(
    ("seen", "published", "gains"),
    [
        pytest.param([(1, 100), (2, 150), (5, 160)], 0, [100, 50, 10], id="cumulative counters become gains"),
        pytest.param([(1, 100), (2, 90)], 0, [100, -10], id="counts that were taken back are a negative gain"),
        pytest.param([(121, 500), (122, 507)], 0, [0, 7], id="an old post adds nothing at first sight"),
        pytest.param([(120, 500)], 0, [500], id="two hours after publication it is still new"),
        pytest.param([(120, 500)], -1e-6, [0], id="a microsecond later it is not"),
        pytest.param([(1, 0), (2, 5)], 0, [0, 5], id="zero is a look like any other"),
        pytest.param([(1, None), (2, None)], 0, [None, None], id="what is not shown has no gain"),
    ],
)
def test_increments(seen, published, gains):
    assert increments(looks(*seen, published=published).posts)["d_views"].to_list() == gains


@given(happenings(kinds=("post_metrics",), minutes=MINUTES))
def test_gains_add_up_to_the_last_look_less_the_first(events):
    posts = tiles(*events).posts
    for (kol, post), gained in increments(posts).group_by("kol_id", "post_id"):
        own = posts.filter((posts["kol_id"] == kol) & (posts["post_id"] == post)).sort("minute")
        old = own["at_us"][0] - own["published_us"][0] > 7_200_000_000
        assert gained["d_likes"].sum() == own["likes"][-1] - (own["likes"][0] if old else 0)
