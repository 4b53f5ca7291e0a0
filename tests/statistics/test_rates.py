"""Error rates under a split, judged after every batch: how often wrong, and how soon right. Seeds are fixed."""

from functools import partial

import numpy as np
import pytest

from bench._traffic import CHUNK, counts, first_decisions
from scoreops.core.sequential_rates import by_answer, by_arm

ALPHA = 0.01
LOOKS = 10_000
RUNS = 300
MARGIN = 0.005
BURSTS = np.where(np.arange(LOOKS) % 1000 < 50, 0.3, 0.002)
"""Errors of a shared store: half an hour of every ten is bad for whoever asks."""


def rate_runs(seed, evidence, *, limit, above, runs, looks, each, share, p0, p1):
    """First decisions (runs,) in requests of both arms."""
    rng = np.random.default_rng(seed)
    chunks = (counts(rng, CHUNK, looks, each, share, p0, p1) for _ in range(runs // CHUNK))
    return np.concatenate([first_decisions(seen, evidence, limit, ALPHA, above=above) for seen in chunks])


def wrong(seed, evidence, **traffic):
    asked = {"limit": 0.0, "above": True, "runs": RUNS, "looks": LOOKS, "each": 10, "share": 0.1}
    return np.isfinite(rate_runs(seed, evidence, **(asked | traffic))).mean()


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param({"p0": 0.01, "p1": 0.01}, id="1 % of 100,000 requests"),
        pytest.param({"p0": 0.05, "p1": 0.05, "each": 1}, id="5 %, a look after every single request"),
        pytest.param({"p0": 0.5, "p1": 0.5, "each": 1}, id="half of all"),
        pytest.param({"p0": 0.01, "p1": 0.01, "share": 0.5}, id="an even split"),
        pytest.param({"p0": BURSTS, "p1": BURSTS}, id="errors in bursts that hit both"),
        pytest.param({"p0": 0.02, "p1": 0.01}, id="better than stable"),
        pytest.param({"p0": BURSTS, "p1": BURSTS / 2}, id="better, and bursts"),
    ],
)
def test_no_difference_is_seldom_a_fail_at_ten_thousand_looks(traffic):
    assert wrong(1, partial(by_answer, share=traffic.get("share", 0.1)), **traffic) <= 2 * ALPHA


@pytest.mark.parametrize("real", [0.05, 0.15])
def test_a_split_that_is_not_the_intended_one_is_no_fail_either(real):
    assert wrong(2, partial(by_answer, share=0.1), share=real, p0=0.02, p1=0.02) <= 2 * ALPHA


@pytest.mark.parametrize(
    ("p0", "usual"),
    [
        pytest.param(0.01, None, id="1 % and half a point more"),
        pytest.param(0.0, None, id="stable without errors"),
        pytest.param(0.01, (100_000, 1000), id="what is usual is known"),
        pytest.param(0.01, (100_000, 3000), id="what is usual is wrong"),
        pytest.param(0.6, None, id="most answers are bad"),
    ],
)
def test_worse_by_the_margin_is_seldom_a_pass(p0, usual):
    evidence = partial(by_arm, limit=MARGIN, worse=False, usual=usual)
    assert wrong(3, evidence, limit=MARGIN, above=False, p0=p0, p1=p0 + MARGIN) <= 2 * ALPHA


def test_worse_by_what_is_tolerated_is_seldom_a_fail():
    evidence = partial(by_arm, limit=MARGIN, worse=True)
    assert wrong(4, evidence, limit=MARGIN, p0=0.01, p1=0.01 + MARGIN) <= 2 * ALPHA


def needed(seed, evidence, **traffic):
    asked = {"limit": 0.0, "above": True, "runs": RUNS, "looks": 1500, "each": 100, "share": 0.1}
    return np.quantile(rate_runs(seed, evidence, **(asked | traffic)), (0.5, 0.9), method="higher")


@pytest.mark.parametrize(
    ("traffic", "median", "p90"),
    [
        pytest.param({"p0": 0.01, "p1": 0.02}, 20_000, 38_000, id="1 % becomes 2 %"),
        pytest.param({"p0": 0.01, "p1": 0.02, "share": 0.5}, 10_000, 20_000, id="the same under an even split"),
        pytest.param({"p0": 0.01, "p1": 0.05, "each": 10}, 2_300, 4_800, id="1 % becomes 5 %"),
        pytest.param({"p0": 0.001, "p1": 1.0, "each": 1}, 50, 70, id="an outage"),
        pytest.param({"p0": BURSTS[500:2000], "p1": 3 * BURSTS[500:2000]}, 50_000, 52_000, id="between bursts"),
    ],
)
def test_a_regression_fails_soon(traffic, median, p90):
    found = needed(5, partial(by_answer, share=traffic.get("share", 0.1)), **traffic)
    assert (found <= (median, p90)).all(), found


@pytest.mark.parametrize(
    ("traffic", "usual", "median", "p90"),
    [
        pytest.param({"p0": 0.01, "p1": 0.01}, None, 120_000, np.inf, id="half a point at 1 %"),
        pytest.param({"p0": 0.01, "p1": 0.01}, (100_000, 1000), 80_000, 145_000, id="the same, knowing what is usual"),
        pytest.param({"p0": 0.01, "p1": 0.01, "share": 0.5}, None, 35_000, 60_000, id="the same under an even split"),
        pytest.param({"p0": 0.0, "p1": 0.0}, None, 17_000, 17_000, id="no errors at all"),
    ],
)
def test_an_equal_candidate_passes(traffic, usual, median, p90):
    evidence = partial(by_arm, limit=MARGIN, worse=False, usual=usual)
    found = needed(6, evidence, limit=MARGIN, above=False, looks=500, each=300, **traffic)
    assert (found <= (median, p90)).all(), found
