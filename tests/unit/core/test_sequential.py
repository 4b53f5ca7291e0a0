"""Sequential tests: e-values against ones written out by hand, laws of their states, and what the verdicts say."""

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.errors import BadInput
from scoreops.core.sequential import NEVER, Evidence, Limits, answer, shrunk
from scoreops.core.sequential_rates import (
    BAD_ODDS,
    RATE_SCALES,
    SHARE_COUNTS,
    Rates,
    by_answer,
    by_arm,
    judge_rates,
)
from scoreops.core.verdict import Outcome

LIMITS = Limits(pass_below=0.005)
SMALL = st.integers(0, 25)
TABLES = st.tuples(SMALL, SMALL, SMALL, SMALL).map(lambda c: (c[0] + c[1], c[1], c[2] + c[3], c[3]))
MARGINS = st.sampled_from([-0.3, -0.01, 0.0, 0.01, 0.2])


def urn(yes, no, a, b):
    """Likelihood of draws one after the other from an urn that learns: a mixture over Beta(a, b)."""
    made = 1.0
    for step in range(yes):
        made *= (a + step) / (a + b + step)
    for step in range(no):
        made *= (b + step) / (a + b + yes + step)
    return made


def by_arm_by_hand(counts, limit, *, worse):
    n, bad, m, bad_m = counts
    scales = [(1, (1 - mean) / mean) for mean in RATE_SCALES]
    candidate = np.mean([urn(bad_m, m - bad_m, *scale) for scale in scales])
    two = np.mean([urn(bad, n - bad, *scale) * candidate for scale in scales])
    one = np.mean([urn(bad + bad_m, n - bad + m - bad_m, *scale) for scale in scales])
    p0 = np.linspace(0, 1, 401)
    p1 = np.append(np.linspace(0, 1, 401), np.clip(p0 + limit, 0, 1))
    inside = (p1[None, :] <= p0[:, None] + limit + 1e-12) if worse else (p1[None, :] >= p0[:, None] + limit - 1e-12)
    chance = (p0**bad * (1 - p0) ** (n - bad))[:, None] * (p1**bad_m * (1 - p1) ** (m - bad_m))[None, :]
    return math.log((two if worse else (one + two) / 2) / np.max(chance[inside]))


def by_answer_by_hand(counts, share):
    n, bad, m, bad_m = counts
    good, good_m = n - bad, m - bad_m
    odds = share / (1 - share)
    of_good = sum(weight * urn(good_m, good, c * share, c * (1 - share)) for c, weight in SHARE_COUNTS)
    of_bad = np.mean([urn(bad_m, bad, shape, shape / (odds * times)) for shape, times in BAD_ODDS])
    v = np.linspace(0, 1, 401)
    chance = (v**bad_m * (1 - v) ** bad)[:, None] * (v**good_m * (1 - v) ** good)[None, :]
    return math.log(of_good * of_bad / np.max(chance[v[:, None] <= v[None, :]]))


@given(TABLES, MARGINS, st.booleans())
def test_by_arm_is_the_ratio_by_hand(counts, limit, worse):
    got = float(by_arm(np.array(counts, dtype=float), limit, worse=worse))
    assert got == pytest.approx(by_arm_by_hand(counts, limit, worse=worse), abs=0.02)


@given(TABLES, st.sampled_from([0.1, 0.5]))
def test_by_answer_is_the_ratio_by_hand(counts, share):
    got = float(by_answer(np.array(counts, dtype=float), share))
    assert got == pytest.approx(by_answer_by_hand(counts, share), abs=0.02)


def binomial(n, p):
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


@pytest.mark.parametrize("limit", [0.0, 0.1, -0.1])
@pytest.mark.parametrize("worse", [True, False], ids=["against not worse", "against worse"])
@pytest.mark.parametrize("usual", [None, (100, 90)], ids=["nothing usual", "a wrong usual"])
def test_the_mean_of_an_e_value_is_one_at_most_all_over_its_hypothesis(limit, worse, usual):
    for n, m in ((1, 1), (9, 1), (12, 12), (30, 4)):
        grid = np.array(list(product(range(n + 1), range(m + 1))))
        counts = np.stack([np.full(len(grid), n), grid[:, 0], np.full(len(grid), m), grid[:, 1]], axis=1).astype(float)
        e = np.exp(by_arm(counts, limit, worse=worse, usual=usual))
        for p0 in (0.0, 0.02, 0.3, 0.5, 0.9):
            for shift in (0.0, 0.05, 0.5):
                p1 = p0 + limit - shift if worse else p0 + limit + shift
                if 0 <= p1 <= 1:
                    chance = np.outer(binomial(n, p0), binomial(m, p1)).ravel()
                    assert chance @ e <= 1 + 1e-9


@pytest.mark.parametrize(("share", "true_share"), [(0.1, 0.1), (0.1, 0.3), (0.5, 0.5), (0.5, 0.05)])
def test_by_answer_has_a_mean_of_one_at_most_whatever_the_true_share(share, true_share):
    for bad, good in ((0, 9), (3, 3), (5, 40)):
        grid = np.array(list(product(range(bad + 1), range(good + 1))), dtype=float)
        m = grid.sum(axis=1)
        counts = np.stack([bad + good - m, bad - grid[:, 0], m, grid[:, 0]], axis=1)
        chance = np.outer(binomial(bad, true_share), binomial(good, true_share)).ravel()
        assert chance @ np.exp(by_answer(counts, share)) <= 1 + 1e-9


@given(TABLES, MARGINS)
def test_arms_may_change_places_when_the_difference_changes_its_sign(counts, limit):
    n, bad, m, bad_m = counts
    there = by_arm(np.array(counts, dtype=float), limit, worse=True)
    # The mixture of one rate is only in the other direction; without it both are the same.
    back = by_arm(np.array([m, bad_m, n, bad], dtype=float), -limit, worse=False)
    assert there <= back + math.log(2) + 1e-9


@given(TABLES, st.booleans())
def test_a_good_answer_that_turns_bad_speaks_for_worse(counts, fine):
    n, bad, m, bad_m = counts
    if bad_m == m:
        return
    before, after = (np.array([n, bad, m, b], dtype=float) for b in (bad_m, bad_m + 1))
    evidence = (lambda c: -by_arm(c, 0.01, worse=False)) if fine else (lambda c: by_answer(c, 0.1))
    speaks = evidence(before) > 0 if not fine else evidence(after) < 0  # an e-value below 1 may go either way
    assert not speaks or evidence(after) >= evidence(before) - 1e-9


@given(st.lists(TABLES, max_size=6), st.randoms())
def test_batches_are_one_batch_in_any_order(batches, shuffle):
    whole = Rates(*(sum(column) for column in zip(*batches, strict=True))) if batches else Rates()
    shuffle.shuffle(batches)
    parts = sum((Rates(*batch) for batch in batches), Rates())
    assert parts == whole
    assert Rates.from_dict(json.loads(json.dumps(parts.as_dict()))) == whole


@pytest.mark.parametrize(
    ("rates", "limits", "changed", "outcome", "said"),
    [
        pytest.param(Rates(), LIMITS, {}, Outcome.INSUFFICIENT, "0 answers of the candidate", id="nothing"),
        pytest.param(Rates(10**6, 0), LIMITS, {}, Outcome.INSUFFICIENT, "0 answers of the cand", id="no candidate"),
        pytest.param(Rates(0, 0, 10**6, 0), LIMITS, {}, Outcome.INSUFFICIENT, "0 of stable", id="no stable"),
        pytest.param(Rates(900, 9, 100, 1), LIMITS, {}, Outcome.INSUFFICIENT, "more at what was seen", id="too few"),
        pytest.param(Rates(90, 0, 10, 5), LIMITS, {}, Outcome.FAIL, "50.000%, of stable 0.000%", id="an outage"),
        pytest.param(Rates(18_000, 180, 2_000, 45), LIMITS, {}, Outcome.FAIL, "to be above 0 ", id="a regression"),
        pytest.param(Rates(180_000, 1800, 20_000, 200), LIMITS, {}, Outcome.PASS, "below 0.005", id="equal"),
        pytest.param(Rates(27_000, 0, 3_000, 0), LIMITS, {}, Outcome.PASS, "below 0.005", id="no errors at all"),
        pytest.param(Rates(1, 0, 1, 0), LIMITS, {"share": 1.0}, Outcome.INVALID, "share is 1", id="no split"),
        pytest.param(Rates(1, 0, 1, 0), LIMITS, {"share": math.nan}, Outcome.INVALID, "share is nan", id="NaN share"),
        pytest.param(Rates(), LIMITS, {"usual": (1, 2)}, Outcome.INVALID, "usual are 2", id="more bad than answers"),
        pytest.param(Rates(), Limits(0.1, alpha=0.0), {}, Outcome.INVALID, "alpha is 0", id="alpha 0"),
        pytest.param(Rates(), Limits(0.1, alpha=math.nan), {}, Outcome.INVALID, "alpha is nan", id="alpha NaN"),
        pytest.param(Rates(), Limits(math.nan), {}, Outcome.INVALID, "must lie within", id="limit NaN"),
        pytest.param(Rates(), Limits(1.0), {}, Outcome.INVALID, "must lie within +-1", id="nothing could be worse"),
        pytest.param(Rates(), Limits(0.1, 0.2), {}, Outcome.INVALID, "is under fail_above", id="crossed"),
    ],
)
def test_verdicts_on_rates(rates, limits, changed, outcome, said):
    made = judge_rates("slo", rates, limits, **({"share": 0.1} | changed))
    assert made.outcome is outcome
    assert said in made.reason
    assert (made.gate, made.n) == ("slo", rates.n)
    if outcome is Outcome.INSUFFICIENT:
        assert made.need > made.n
    json.dumps(made.as_dict())


@pytest.mark.parametrize("n", [500, 5_000])
def test_what_is_said_to_be_needed_is_enough_if_it_goes_on_like_this(n):
    seen = Rates(9 * n, 9 * n // 100, n, n // 100)
    made = judge_rates("slo", seen, LIMITS, share=0.1)
    assert (made.outcome, made.need < 200_000) == (Outcome.INSUFFICIENT, True)
    times = 1.05 * made.need / made.n
    later = Rates(*(math.ceil(value * times) for value in seen.as_dict().values()))
    assert judge_rates("slo", later, LIMITS, share=0.1).outcome is Outcome.PASS


def test_knowing_what_is_usual_helps_when_it_is_right_and_does_no_harm_when_it_is_not():
    counts = np.array([54_000, 540, 6_000, 60], dtype=float)
    right, none, wrong = (
        float(by_arm(counts, 0.005, worse=False, usual=usual)) for usual in ((100_000, 1000), None, (100_000, 9000))
    )
    assert right > none + 1.5
    assert none > wrong > none - 2


def test_an_outlook_on_a_regression_is_that_it_fails():
    seen = Rates(9_000, 90, 1_000, 17)
    made = judge_rates("slo", seen, LIMITS, share=0.1)
    assert made.outcome is Outcome.INSUFFICIENT
    times = 3 * made.need / made.n
    later = Rates(*(math.ceil(value * times) for value in seen.as_dict().values()))
    assert judge_rates("slo", later, LIMITS, share=0.1).outcome is Outcome.FAIL


def test_a_difference_on_the_only_margin_has_no_end_in_sight():
    rates = Rates(9 * 10**8, 9 * 10**6, 10**8, 15 * 10**5)
    made = judge_rates("slo", rates, Limits(0.005, 0.005), share=0.1)
    assert (made.outcome, made.need) == (Outcome.INSUFFICIENT, NEVER)
    assert "no end in sight" in made.reason


@pytest.mark.parametrize(
    "given_counts",
    [(-1, 0, 0, 0), (1, 2, 0, 0), (0, 0, 1, 2), (math.nan, 0, 0, 0), (1.0, 0, 0, 0), (True, 0, 0, 0), ("1", 0, 0, 0)],
)
def test_what_is_no_count_is_refused(given_counts):
    with pytest.raises(BadInput):
        Rates(*given_counts)


def test_counts_of_other_names_are_refused():
    with pytest.raises(BadInput, match="names are n"):
        Rates.from_dict({"n": 1})


def test_evidence_that_is_no_number_decides_nothing():
    nan = np.array(math.nan)
    made = answer("g", "x", LIMITS, n=9, value=0.0, seen=Evidence(nan, nan), later=lambda _: Evidence(nan, nan))
    assert made.outcome is Outcome.INVALID


def test_noise_is_pulled_to_nothing_and_a_sure_difference_stays():
    assert shrunk(1.0, 1e9, 1.0) == pytest.approx(0, abs=1e-8)
    assert shrunk(1.0, 0.0, 1.0) == 1.0
    assert shrunk(1.0, 5.0, 0.0) == 1.0
