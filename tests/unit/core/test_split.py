"""Shares of requests: what is no split, who gets a request, and that nobody changes sides without need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scoreops.core.split import Split, point_of, shares_of, shares_text

percents = st.integers(1, 99)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"weights": {"1": 90}}, "add up to 100", id="a tenth goes nowhere"),
        pytest.param({"weights": {"1": 100, "2": 0}}, "above 0", id="a share of nothing"),
        pytest.param({"weights": {"1": 150, "2": -50}}, "above 0", id="less than nothing"),
        pytest.param({"mirror": {"2": 50, "3": 50}}, "one version", id="two shadows"),
        pytest.param({"weight": {"1": 100}}, "Extra inputs", id="an unknown word"),
    ],
)
def test_what_is_no_split_is_refused(fields, said):
    with pytest.raises(ValidationError, match=said):
        Split.model_validate(fields)


def test_the_empty_split_leaves_all_to_the_champion():
    assert {Split().version_at(point) for point in (0, 50, 99.9)} == {""}
    assert Split().versions == frozenset()


@given(percents)
def test_each_version_gets_its_share(percent):
    split = Split(weights={"1": 100 - percent, "2": percent})
    found = [split.version_at(place / 10) for place in range(1000)]
    assert found.count("2") == 10 * percent
    assert split.version_at(100.0) == ""


@given(percents, percents, st.text(max_size=20), st.sampled_from([("1", "2"), ("2", "1"), ("9", "10")]))
def test_a_request_that_has_the_candidate_keeps_it_while_the_weight_rises(one, other, name, versions):
    low, high = sorted((one, other))
    stable, candidate = versions
    point = point_of("trust", name)
    before, after = (Split(weights={stable: 100 - w, candidate: w}).version_at(point) for w in (low, high))
    assert before == stable or after == candidate


def test_requests_are_spread_evenly_and_otherwise_for_every_model():
    points = [point_of("trust", f"request-{number}") for number in range(10_000)]
    assert all(0 <= point < 100 for point in points)
    assert abs(sum(point < 10 for point in points) / 10_000 - 0.1) < 0.01
    others = [point_of("success", f"request-{number}") for number in range(10_000)]
    both = sum(one < 10 and other < 10 for one, other in zip(points, others, strict=True))
    assert 60 < both < 140


def test_only_what_changes_is_a_new_revision_and_only_other_shares_count_anew():
    first = Split().routing("1", {"1": 90, "2": 10}, {})
    assert (first.revision, first.routed) == (1, 1)
    assert first.routing("1", {"1": 90, "2": 10}, {}) == first
    held = first.holding("1", "2")
    assert (held.revision, held.routed) == (2, 1)
    assert held.holding("1", "2") == held
    assert held.versions == {"1", "2"}
    again = held.routing("1", {"1": 50, "2": 50}, {"2": 100})
    assert (again.revision, again.routed, again.held) == (3, 3, ("1", "2"))


@given(st.dictionaries(st.text("0123456789abcv-=", min_size=1, max_size=5), st.integers(1, 100), max_size=3))
def test_shares_are_told_and_understood(shares):
    assert shares_of(shares_text(shares)) == shares
