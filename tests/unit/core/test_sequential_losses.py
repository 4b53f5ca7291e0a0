"""Paired losses: bets against ones written out by hand, laws of their state, losses that are bounded, verdicts."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.errors import BadInput
from scoreops.core.losses import (
    BRIER_BOUND,
    brier_differences,
    log_loss_bound,
    log_loss_differences,
    split_bound,
    split_differences,
    value_differences,
)
from scoreops.core.sequential import Limits
from scoreops.core.sequential_losses import (
    STAKES,
    Pairs,
    interval,
    judge_pairs,
    log_e_above,
    log_e_below,
)
from scoreops.core.verdict import Outcome

LIMITS = Limits(pass_below=0.01)
BATCHES = st.lists(st.lists(st.floats(-2, 2), max_size=8), max_size=5)
MEANS = st.floats(-1.9, 1.9)


def evidence(pairs, limit):
    n = np.array(float(pairs.n))
    return (
        float(log_e_above(np.array(pairs.up), n, limit, pairs.bound)),
        float(log_e_below(np.array(pairs.down), n, limit, pairs.bound)),
    )


@given(st.lists(st.floats(-2, 2), max_size=20), MEANS)
def test_the_e_values_are_mean_wealths_of_bets_by_hand(differences, limit):
    wealth = {1: 0.0, -1: 0.0}
    for sign in wealth:
        for stake in STAKES:
            k, made = sign * stake / 2, 1.0
            for d in differences:
                made *= (1 + k * d) / (1 + k * limit)
            wealth[sign] += made / len(STAKES)
    got = evidence(Pairs(2.0).plus(differences), limit)
    assert got == pytest.approx((math.log(wealth[1]), math.log(wealth[-1])), abs=1e-9)


@given(BATCHES, st.randoms())
def test_batches_are_one_batch_in_any_order(batches, shuffle):
    whole = Pairs(2.0).plus([d for batch in batches for d in batch])
    shuffle.shuffle(batches)
    parts = Pairs(2.0)
    for batch in batches:
        shuffle.shuffle(batch)
        parts = parts + Pairs(2.0).plus(batch)
    assert (parts.n, parts.unusable) == (whole.n, 0)
    assert parts.up == pytest.approx(whole.up, abs=1e-12)
    assert parts.down == pytest.approx(whole.down, abs=1e-12)
    assert Pairs.from_dict(json.loads(json.dumps(parts.as_dict()))) == parts


@given(BATCHES, MEANS)
def test_stable_and_candidate_may_change_places(batches, limit):
    differences = np.array([d for batch in batches for d in batch])
    there, back = (Pairs(2.0).plus(sign * differences) for sign in (1, -1))
    assert evidence(there, limit) == pytest.approx(evidence(back, -limit)[::-1], abs=1e-9)
    low, high = interval(there, 0.01)
    assert (-high, -low) == pytest.approx(interval(back, 0.01), abs=1e-9)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20), st.floats(0, 1), MEANS)
def test_a_larger_loss_speaks_for_worse(differences, more, limit):
    before, after = Pairs(2.0).plus(differences), Pairs(2.0).plus([min(differences[0] + more, 2.0), *differences[1:]])
    assert evidence(after, limit)[0] >= evidence(before, limit)[0] - 1e-9
    assert evidence(after, limit)[1] <= evidence(before, limit)[1] + 1e-9


@given(BATCHES, MEANS)
def test_the_interval_holds_what_neither_e_value_refutes(batches, mean):
    pairs = Pairs(2.0).plus([d for batch in batches for d in batch])
    low, high = interval(pairs, 0.05)
    assert low <= pairs.total / max(pairs.n, 1) <= high
    refuted = max(evidence(pairs, mean)) >= math.log(20)
    assert refuted == (not low <= mean <= high) or min(abs(mean - low), abs(mean - high)) < 1e-9


def pairs_of(mean, n, spread=0.05):
    return Pairs(1.0).plus(mean + np.tile([-spread, spread], n // 2))


@pytest.mark.parametrize(
    ("pairs", "limits", "outcome", "said"),
    [
        pytest.param(Pairs(1.0), LIMITS, Outcome.INSUFFICIENT, "no pair yet", id="nothing"),
        pytest.param(pairs_of(0.0, 100), LIMITS, Outcome.INSUFFICIENT, "more at what was seen", id="too few"),
        pytest.param(pairs_of(0.0, 2000), LIMITS, Outcome.PASS, "shown to be below 0.01", id="equal"),
        pytest.param(pairs_of(0.02, 2000), LIMITS, Outcome.FAIL, "shown to be above 0 ", id="worse"),
        pytest.param(pairs_of(-0.02, 2000), LIMITS, Outcome.PASS, "is -0.02 against", id="better"),
        pytest.param(pairs_of(0.02, 2000), Limits(0.03, 0.03), Outcome.PASS, "below 0.03", id="worse as tolerated"),
        pytest.param(pairs_of(-0.02, 2000), Limits(-0.01, -0.01), Outcome.PASS, "below -0.01", id="better as asked"),
        pytest.param(pairs_of(0.0, 2000), Limits(-0.01, -0.01), Outcome.FAIL, "above -0.01", id="not better as asked"),
        pytest.param(Pairs(1.0).plus([0.0, math.nan]), LIMITS, Outcome.INVALID, "1 of 2 differences", id="NaN"),
        pytest.param(Pairs(1.0).plus([math.inf, 1.5, 0]), LIMITS, Outcome.INVALID, "2 of 3", id="out of bounds"),
        pytest.param(Pairs(1.0), Limits(1.0), Outcome.INVALID, "within +-1", id="nothing could be worse"),
        pytest.param(Pairs(1.0), Limits(0.1, alpha=0.5), Outcome.INVALID, "alpha is 0.5", id="alpha of a coin"),
    ],
)
def test_verdicts_on_pairs(pairs, limits, outcome, said):
    made = judge_pairs("brier", pairs, limits)
    assert made.outcome is outcome
    assert said in made.reason
    assert made.n == pairs.n
    if outcome is Outcome.INSUFFICIENT:
        assert made.need > made.n
    json.dumps(made.as_dict())


@pytest.mark.parametrize(("mean", "n"), [(0.0, 200), (0.02, 1000)])
def test_what_is_said_to_be_needed_is_about_enough(mean, n):
    made = judge_pairs("brier", pairs_of(mean, n, 0.2), LIMITS)
    assert made.outcome is Outcome.INSUFFICIENT
    after = judge_pairs("brier", pairs_of(mean, 2 * made.need, 0.2), LIMITS)
    assert after.outcome is (Outcome.FAIL if mean else Outcome.PASS)
    assert judge_pairs("brier", pairs_of(mean, made.need // 4, 0.2), LIMITS).outcome is Outcome.INSUFFICIENT


def test_a_difference_that_may_be_noise_is_not_planned_with():
    noisy, none = (judge_pairs("brier", pairs_of(mean, 40, 0.2), LIMITS).need for mean in (0.005, 0.0))
    assert none / 1.5 < noisy < none * 1.5


@pytest.mark.parametrize(
    "kept",
    [
        {"bound": 0.0},
        {"bound": math.nan},
        {"bound": math.inf},
        {"n": -1},
        {"unusable": -1},
        {"up": (0.0,)},
        {"total": math.nan},
        {"down": (math.inf,) * len(STAKES)},
        {"other": 1},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused(kept):
    with pytest.raises(BadInput):
        Pairs.from_dict(Pairs(1.0).as_dict() | kept)


def test_pairs_of_other_bounds_do_not_add_up():
    with pytest.raises(BadInput, match="bounds 1 and 2 differ"):
        Pairs(1.0) + Pairs(2.0)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=9))
def test_losses_stay_within_their_bounds(rows):
    labels, stable, candidate = np.array(rows).T
    for differences, bound in (
        (brier_differences(labels, stable, candidate), BRIER_BOUND),
        (log_loss_differences(labels, stable, candidate), log_loss_bound()),
        (value_differences(stable, candidate, 0.5), 0.5),
        (split_differences(stable, labels, share=0.1, usual=0.5), split_bound(1.0, 0.1)),
    ):
        assert Pairs(bound).plus(differences).unusable == 0


@pytest.mark.parametrize(
    ("got", "want"),
    [
        pytest.param(brier_differences([1, 0], [0.9, 0.2], [0.7, 0.1]), [0.08, -0.03], id="Brier"),
        pytest.param(log_loss_differences([1, 0], [0.5, 0.5], [0.25, 0.75]), [math.log(2)] * 2, id="log loss"),
        pytest.param(log_loss_differences([1], [0.5], [0.0]), [math.log(50)], id="log loss, clipped"),
        pytest.param(log_loss_differences([0.5, 1, 1], [0.5] * 3, [0.5, 1.5, math.nan]), [math.nan] * 3, id="no loss"),
        pytest.param(value_differences([5.0, 5.0, 900.0], [7.0, 1.0, 0.0], 10.0), [-2, 4, 10], id="money, capped"),
        pytest.param(value_differences([5.0], [math.nan], 10.0), [math.nan], id="money, none"),
        pytest.param(split_differences([0.4, 0.4], [1, 0], share=0.2, usual=0.3), [0.5, -0.125], id="on a split"),
    ],
)
def test_losses(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("clip", [0.0, 0.5, math.nan])
def test_a_clip_that_bounds_nothing_is_refused(clip):
    with pytest.raises(BadInput):
        log_loss_bound(clip)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_a_split_without_one_of_its_arms_is_refused(share):
    with pytest.raises(BadInput):
        split_bound(1.0, share)


@pytest.mark.parametrize("usual", [0.2, 0.5], ids=["as before", "not as before"])
def test_on_a_split_the_mean_is_the_difference_whatever_was_usual(usual):
    rng = np.random.default_rng(1)
    by_candidate = rng.random(400_000) < 0.1
    losses = np.where(by_candidate, 0.25, 0.2) + rng.uniform(-0.1, 0.1, 400_000)
    got = split_differences(losses, by_candidate, share=0.1, usual=usual)
    assert got.mean() == pytest.approx(0.05, abs=5 * got.std() / 400_000**0.5)
