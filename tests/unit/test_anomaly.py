"""Each alert rule on both sides of its threshold, and what makes one episode."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.kol.anomaly import LOOK_BACK, MIN_BASELINE, QUIET_HOURS, alerts, follower_spikes, forecast_drops
from scoreops.kol.hours import HourCube
from tests.making import HOUR, cube

HOURS = 60
AT = 51
"""Column of the hour that is odd; odd, so that the swaying account of `swaying` stands at its base before it."""
BASE = 100_000


def judged(made: HourCube, first=0, last=HOURS):
    return [
        (alert.rule, alert.event_us // 3_600_000_000 - 1 - HOUR) for alert in alerts(made, HOUR + first, HOUR + last)
    ]


def followers(jump, sway=0):
    """Followers that sway by `sway` and jump once, in the hour AT."""
    values = BASE + sway * (np.arange(HOURS) % 2).astype(float)
    assert values[AT - 1] == BASE
    values[AT:] = BASE + jump
    return values


@pytest.mark.parametrize(
    ("jump", "sway", "fires"),
    [
        pytest.param(5000, 2000, True, id="5 % within the usual sway"),
        pytest.param(4999, 2000, False, id="just below 5 %, within the usual sway"),
        pytest.param(1187, 200, True, id="just above 4 sigma"),
        pytest.param(1186, 200, False, id="just below 4 sigma"),
        pytest.param(400, 0, True, id="unusual, and 0.4 % of the followers"),
        pytest.param(399, 0, False, id="as unusual, but nothing to speak of"),
        pytest.param(-9000, 0, False, id="a loss"),
    ],
)
def test_follower_spike(jump, sway, fires):
    assert judged(cube(HOURS, followers=followers(jump, sway), d_views=100)) == [("follower_spike", AT)] * fires


def views(at, usual=100.0):
    values = np.full(HOURS, usual)
    values[AT] = at
    return values


@pytest.mark.parametrize(
    ("channels", "explained"),
    [
        pytest.param({"d_views": views(700)}, True, id="2.5 times the usual views of four hours"),
        pytest.param({"d_views": views(699)}, False, id="just below"),
        pytest.param({"d_views": np.nan, "d_likes": views(700)}, True, id="hidden views: likes tell"),
        pytest.param({"d_views": np.nan, "d_likes": views(100)}, False, id="hidden views, usual likes"),
    ],
)
def test_views_explain_an_honest_viral_and_bought_followers_stay_unexplained(channels, explained):
    (alert,) = follower_spikes(cube(HOURS, followers=followers(6000), **channels), HOUR, HOUR + HOURS)
    assert alert.evidence["explained"] is explained
    assert alert.severity == ("info" if explained else "high")
    assert alert.evidence["new_followers"] == 6000
    assert alert.evidence["share"] == pytest.approx(0.06)
    assert "+6,000 followers (+6.0%)" in alert.message


def test_a_profile_seen_for_the_first_time_is_no_spike():
    seen = np.full(HOURS, np.nan)
    seen[AT:] = BASE
    assert judged(cube(HOURS, followers=seen)) == []


def negatives(*last, comments=(100, 100, 100, 100)):
    shares = np.zeros((2, HOURS))
    shares[0, AT - 3 : AT + 1], shares[1, AT - 3 : AT + 1] = last, comments
    return cube(HOURS, followers=BASE, n_negative=shares[0], n_comments=shares[1])


@pytest.mark.parametrize(
    ("made", "fires"),
    [
        pytest.param(negatives(10, 12, 15, 26), True, id="rising three hours running, by 16 points"),
        pytest.param(negatives(10, 12, 15, 24), False, id="by 14 points"),
        pytest.param(negatives(10, 15, 15, 30), False, id="standing still in between"),
        pytest.param(negatives(10, 20, 19, 30), False, id="falling in between"),
        pytest.param(negatives(0, 1, 2, 4, comments=(6, 6, 6, 6)), True, id="just enough comments"),
        pytest.param(negatives(0, 1, 2, 4, comments=(5, 6, 6, 6)), False, id="one comment too few in the first hour"),
    ],
)
def test_negative_sentiment(made, fires):
    assert judged(made) == [("negative_sentiment", AT)] * fires


@pytest.mark.parametrize(
    ("usual", "at", "fires"),
    [
        pytest.param(10_000, 11_201, True, id="above 12 deviations"),
        pytest.param(10_000, 11_199, False, id="below"),
        pytest.param(0, 200, True, id="enough likes to speak of"),
        pytest.param(0, 199, False, id="too few"),
    ],
)
def test_engagement_shift(usual, at, fires):
    made = cube(HOURS, followers=BASE, d_likes=views(at, usual))
    assert judged(made) == [("engagement_shift", AT)] * fires


def drops(ratios, trailing=2e6, platforms=None):
    n = len(ratios)
    made = forecast_drops(
        [f"k{i}" for i in range(n)],
        platforms or ["tiktok"] * n,
        np.array(ratios) * trailing,
        np.broadcast_to(trailing, n),
        HOUR,
    )
    return [alert.kol_id for alert in made]


@pytest.mark.parametrize(
    ("got", "want"),
    [
        pytest.param(drops([1.0] * 8 + [0.69]), ["k8"], id="31 % below its peers"),
        pytest.param(drops([1.0] * 8 + [0.71]), [], id="29 % below its peers"),
        pytest.param(drops([0.5] * 8 + [0.4]), [], id="everybody is to sell less"),
        pytest.param(drops([1.0] * 7 + [0.2]), ["k7"], id="eight peers are enough"),
        pytest.param(drops([1.0] * 6 + [0.2]), [], id="seven are not"),
        pytest.param(drops([1.0] * 8 + [0.2], trailing=999_999.0), [], id="too little revenue to speak of"),
        pytest.param(drops([1.0] * 8 + [0.2], platforms=["tiktok"] * 8 + ["youtube"]), [], id="no peers of its own"),
    ],
)
def test_forecast_drop(got, want):
    assert got == want


@pytest.mark.parametrize(
    ("apart", "episodes"),
    [pytest.param(QUIET_HOURS, [AT], id="one episode"), pytest.param(QUIET_HOURS + 1, [AT, 58], id="two")],
)
def test_hours_within_the_quiet_time_are_one_episode(apart, episodes):
    seen = followers(6000)
    seen[AT + apart :] += 6500
    assert judged(cube(HOURS, followers=seen, d_views=100)) == [("follower_spike", hour) for hour in episodes]


def test_an_alert_is_named_by_what_it_is_about_alone():
    seen = cube(HOURS, followers=followers(6000), d_views=100)
    other = cube(HOURS, followers=followers(7000), d_views=5)
    (one,), (two,) = (alerts(made, HOUR, HOUR + HOURS) for made in (seen, other))
    assert one.alert_id == two.alert_id
    assert one.event_us == (HOUR + AT + 1) * 3_600_000_000
    assert one.as_dict()["evidence"] == one.evidence
    (later,) = alerts(HourCube(seen.kols, seen.platforms, HOUR + 1, seen.values), HOUR, HOUR + HOURS + 1)
    assert later.alert_id != one.alert_id


@pytest.mark.parametrize(
    ("before", "fires"),
    [
        pytest.param(MIN_BASELINE, True, id="enough hours to know what is usual"),
        pytest.param(MIN_BASELINE - 1, False, id="too few"),
    ],
)
def test_too_little_history_raises_no_alarm(before, fires):
    seen = followers(6000)[AT - before : AT + 1]
    assert judged(cube(before + 1, followers=seen)) == [("follower_spike", before)] * fires


@given(st.integers(0, 2**32 - 1))
def test_the_newest_hours_alone_give_the_alerts_of_the_whole_history(seed):
    rng = np.random.default_rng(seed)
    shape, jumps = (3, 90), rng.random((3, 90)) < 0.1
    comments = rng.integers(0, 12, shape)
    whole = cube(
        90,
        kols=3,
        followers=BASE + np.cumsum(rng.integers(-50, 60, shape) + jumps * 6000, axis=1),
        d_views=rng.integers(0, 500, shape),
        d_likes=rng.poisson(30, shape) + jumps * rng.integers(0, 1000, shape),
        n_comments=comments,
        n_negative=rng.integers(0, comments + 1),
    )
    start, stop = HOUR + 70, HOUR + 90
    made = alerts(whole, start, stop)
    assert alerts(whole.slice(start - LOOK_BACK, stop), start, stop) == made
    assert [a for h in range(start, stop) for a in alerts(whole, h, h + 1)] == made
