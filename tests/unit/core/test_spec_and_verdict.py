"""Schemas say what differs; gates say what they had and what they needed."""

from hashlib import sha256
from itertools import permutations

import pytest

from scoreops.core.errors import BadInput
from scoreops.core.spec import Schema
from scoreops.core.verdict import Outcome, Verdict, all_pass, invalid, judge, unknown

SCHEMA = Schema(("a", "b", "c"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("bac", "2 columns are out of order; column 0 is 'b' where 'a' is expected", id="two swapped"),
        pytest.param("bca", "3 columns are out of order; column 0 is 'b' where 'a' is expected", id="all moved"),
        pytest.param("acb", "2 columns are out of order; column 1 is 'c' where 'b' is expected", id="the last two"),
        pytest.param("abx", "columns differ: missing c; unknown x", id="renamed"),
        pytest.param("ab", "columns differ: missing c", id="missing"),
        pytest.param("abcd", "columns differ: unknown d", id="one too many"),
        pytest.param("abca", "4 columns where 3 are expected: one comes twice", id="twice"),
        pytest.param("", "columns differ: missing a, b, c", id="none"),
        pytest.param("ABC", "columns differ: missing a, b, c; unknown A, B, C", id="another spelling"),
    ],
)
def test_what_differs_is_named(given, said):
    with pytest.raises(BadInput) as caught:
        SCHEMA.check(list(given))
    assert (caught.value.reason, caught.value.field) == (said, "features")


def test_what_fits_is_taken():
    SCHEMA.check(["a", "b", "c"])
    assert len(SCHEMA) == 3


def test_the_hash_is_that_of_names_in_order_with_their_type():
    text = '[["a", "FP64"], ["b", "FP64"], ["c", "FP64"]]'
    assert SCHEMA.hash == sha256(text.encode()).hexdigest()[:16]
    assert len({Schema(order).hash for order in permutations("abc")}) == 6
    assert Schema(("ab", "c")).hash != Schema(("a", "bc")).hash


@pytest.mark.parametrize(
    ("value", "at_least", "n", "outcome"),
    [
        pytest.param(0.8, True, 10, Outcome.PASS, id="at the limit, which is a floor"),
        pytest.param(0.79, True, 10, Outcome.FAIL, id="below a floor"),
        pytest.param(0.8, False, 10, Outcome.PASS, id="at the limit, which is a ceiling"),
        pytest.param(0.81, False, 10, Outcome.FAIL, id="above a ceiling"),
        pytest.param(0.99, True, 9, Outcome.INSUFFICIENT, id="good, but too few samples"),
        pytest.param(0.0, True, 0, Outcome.INSUFFICIENT, id="none at all is never a pass"),
        pytest.param(float("nan"), True, 99, Outcome.INSUFFICIENT, id="no number"),
    ],
)
def test_judge(value, at_least, n, outcome):
    made = judge("auc", value, 0.8, n=n, need=10, at_least=at_least, what="AUC")
    assert made.outcome is outcome
    assert (made.gate, made.n, made.need, made.limit) == ("auc", n, 10, 0.8)
    if outcome is Outcome.INSUFFICIENT:
        assert made.value is None
        assert made.reason == f"AUC: {n} samples of 10 needed"
    else:
        assert made.reason == f"AUC is {value:.4g}, must be {'>=' if at_least else '<='} 0.8"
    assert made.as_dict()["outcome"] == outcome.value


def answered(*outcomes):
    return [Verdict("g", outcome, 1, 1, 1.0, 1.0, "") for outcome in outcomes]


@pytest.mark.parametrize(
    ("verdicts", "passes"),
    [
        pytest.param(answered(Outcome.PASS, Outcome.PASS), True, id="all pass"),
        pytest.param(answered(Outcome.PASS, Outcome.FAIL), False, id="one fails"),
        pytest.param(answered(Outcome.PASS, Outcome.INSUFFICIENT), False, id="one had too few"),
        pytest.param(answered(Outcome.PASS, Outcome.UNKNOWN), False, id="one could not be asked"),
        pytest.param(answered(Outcome.PASS, Outcome.INVALID), False, id="one makes no sense"),
        pytest.param([], False, id="no gates are no pass"),
    ],
)
def test_all_pass(verdicts, passes):
    assert all_pass(verdicts) is passes


def test_what_could_not_be_judged_has_a_reason_and_no_value():
    away, senseless = unknown("slo", "Prometheus is away"), invalid("slo", "alpha is 2", n=7)
    assert (away.outcome, away.n, away.value, away.reason) == (Outcome.UNKNOWN, 0, None, "Prometheus is away")
    assert (senseless.outcome, senseless.n, senseless.value) == (Outcome.INVALID, 7, None)
