"""What the trust score reads, by hand: ratios, jumps and whether views explain them, peers, and what is unknown."""

import numpy as np
import pytest

from scoreops.kol.trust_features import BUSINESS, MIN_HOURS, TRUST_FEATURES, WINDOW_HOURS, peer_groups, trust_features
from tests.making import HOUR, cube

HOURS = 168


def at_end(made, name):
    values = trust_features(made, np.array([made.stop]))
    return values[:, 0, TRUST_FEATURES.columns.index(name)]


def growth(jump=0, lost=0, at=100, hours=HOURS):
    """Followers that grow by 10 an hour, jump once and lose some of it five hours later."""
    delta = np.full(hours, 10.0)
    delta[0], delta[at], delta[at + 5] = 10_000, 10 + jump, 10 - lost
    return delta.cumsum()


def views(at=None, times=1.0):
    values = np.full(HOURS, 100.0)
    if at is not None:
        values[at] *= times
    return values


@pytest.mark.parametrize(
    ("name", "channels", "want"),
    [
        pytest.param("click_rate", {"visits": 10, "clicks": 4}, 0.4, id="clicks by visit"),
        pytest.param("conversion", {"clicks": 4, "orders": 1}, 0.25, id="orders by click"),
        pytest.param("refund_rate", {"orders": 4, "refunds": 1}, 0.25, id="refunds by order"),
        pytest.param("revenue_per_visit", {"visits": 2, "revenue": 1000}, np.log(500), id="revenue by visit"),
        pytest.param("spam_share", {"n_comments": 4, "n_spam": 1}, 0.25, id="spam by comment"),
        pytest.param("comment_burst", {"n_comments": np.eye(1, HOURS) * 30 + 1}, 31 / 198, id="the busiest hour"),
        pytest.param("posts_per_day", {"new_posts": 0.125}, 3.0, id="posts a day"),
        pytest.param("engagement", {"d_likes": 6, "d_comments": 2}, np.log(8 * 168 / 10_000 / 7), id="by follower"),
        pytest.param("like_view", {"d_views": 100, "d_likes": 5}, np.log(0.05), id="likes by view"),
        pytest.param("following_ratio", {"following": 500}, np.log(0.05), id="followed by follower"),
        pytest.param("log_followers", {}, np.log1p(10_000), id="size"),
        pytest.param("night_share", {"n_events": 1}, 5 / 24, id="five hours of every night"),
    ],
)
def test_a_ratio_by_hand(name, channels, want):
    assert at_end(cube(HOURS, **({"followers": 10_000} | channels)), name)[0] == pytest.approx(want)


@pytest.mark.parametrize(
    ("name", "channels", "known"),
    [
        pytest.param("click_rate", {"visits": 20 / HOURS, "clicks": 0}, True, id="twenty visits, no click: zero"),
        pytest.param("click_rate", {"visits": 19 / HOURS, "clicks": 0}, False, id="nineteen visits say nothing"),
        pytest.param("spam_share", {"n_comments": 10 / HOURS}, True, id="ten comments"),
        pytest.param("spam_share", {"n_comments": 9 / HOURS}, False, id="nine comments"),
        pytest.param("like_view", {"d_views": np.nan, "d_likes": 9}, False, id="views are not shown"),
        pytest.param("log_followers", {"followers": np.nan}, False, id="the profile was never seen"),
    ],
)
def test_too_little_is_unknown_and_zero_is_known(name, channels, known):
    (value,) = at_end(cube(HOURS, **({"followers": 10_000} | channels)), name)
    assert np.isnan(value) != known
    if known:
        assert value == pytest.approx(0)


def test_a_kol_without_campaigns_has_no_business_columns():
    quiet = cube(HOURS, followers=10_000, d_views=100, d_likes=5)
    assert all(np.isnan(at_end(quiet, name)[0]) for name in set(BUSINESS) - {"visits_per_follower"})


def test_a_jump_is_seen_and_only_views_explain_it():
    calm = cube(HOURS, followers=growth(), d_views=views())
    bought = cube(HOURS, followers=growth(jump=2000), d_views=views())
    viral = cube(HOURS, followers=growth(jump=2000), d_views=views(100, 40))
    share = 2000 / (10 * (HOURS - 1) + 2000)
    for made, spike, unexplained in ((calm, 0, 0), (bought, share, share), (viral, share, 0)):
        assert at_end(made, "spike_share")[0] == pytest.approx(spike)
        assert at_end(made, "unexplained_share")[0] == pytest.approx(unexplained)
    assert at_end(bought, "growth_z_max")[0] > at_end(calm, "growth_z_max")[0]
    assert at_end(calm, "growth_7d")[0] == pytest.approx(np.log(11_670 / 10_000))


def test_followers_that_leave_again_after_a_jump():
    kept, left = (cube(HOURS, followers=growth(2000, lost), d_views=views()) for lost in (0, 1010))
    assert at_end(kept, "decay_after_spike")[0] == 0
    assert at_end(left, "decay_after_spike")[0] == pytest.approx(0.5)
    assert np.isnan(at_end(cube(HOURS, followers=growth(0, 500), d_views=views()), "decay_after_spike")[0])


def test_peers_are_those_of_the_same_platform_and_size():
    likes = np.array([[float(n)] for n in range(1, 10)] + [[500.0]])
    platforms = ("tiktok",) * 9 + ("youtube",)
    made = cube(HOURS, kols=10, platforms=platforms, followers=50_000, d_likes=likes, d_views=1000)
    z = at_end(made, "engagement_peer_z")
    own = at_end(made, "engagement")
    inside = own[:9]
    spread = 1.4826 * np.median(np.abs(inside - np.median(inside)))
    np.testing.assert_allclose(z[:9], (inside - np.median(inside)) / spread)
    everybody = 1.4826 * np.median(np.abs(own - np.median(own)))  # one youtuber has no peers of its own
    assert z[9] == pytest.approx(min((own[9] - np.median(own)) / everybody, 10))


@pytest.mark.parametrize(
    ("followers", "group"),
    [(9_999, "tiktok/0"), (10_001, "tiktok/1"), (999_999, "tiktok/2"), (2e6, "tiktok/3"), (np.nan, "tiktok/0")],
)
def test_peer_groups(followers, group):
    assert peer_groups(["tiktok"], np.log([followers])) == [group]


def test_there_is_no_score_before_two_days_and_no_look_beyond_a_week():
    young = cube(MIN_HOURS, followers=10_000)
    made = trust_features(young, np.array([young.stop - 1, young.stop]))
    assert np.isnan(made[:, 0]).all()
    assert np.isfinite(made[:, 1]).any()
    old, older = cube(WINDOW_HOURS + 20, followers=9, visits=7), cube(WINDOW_HOURS + 20, followers=9, visits=7)
    older.values["visits"][:, :20] = 1e6
    np.testing.assert_array_equal(*(trust_features(c, np.array([c.stop])) for c in (old, older)))
    assert trust_features(old, np.array([], dtype=np.int64)).shape == (1, 0, len(TRUST_FEATURES))


def test_hours_asked_together_are_those_asked_alone():
    rng = np.random.default_rng(8)
    made = cube(100, kols=3, followers=rng.integers(1e4, 2e4, (3, 100)), visits=rng.poisson(3, (3, 100)), d_views=50)
    hours = np.array([HOUR + 60, HOUR + 99])
    together = trust_features(made, hours)
    for place, hour in enumerate(hours):
        np.testing.assert_array_equal(together[:, place], trust_features(made, hours[place : place + 1])[:, 0])
        np.testing.assert_array_equal(
            together[:, place], trust_features(made.slice(HOUR, hour), np.array([hour]))[:, 0]
        )
