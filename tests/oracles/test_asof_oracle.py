"""The as-of join against a loop that tries every row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.asof import Questions, Rows, asof
from scoreops.core.errors import BadInput

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 8), st.integers(-3, 8)), max_size=12)
ASKED = st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 10)), max_size=8)


def by_hand(rows, key, at, ttl):
    best = -1
    for place, (row_key, time, created) in enumerate(rows):
        if row_key != key or time > at or created > at or (ttl is not None and at - time > ttl):
            continue
        if best == -1 or (time, created) >= rows[best][1:]:
            best = place
    return best


def joined(rows, asked, ttl):
    columns = [np.array([row[i] for row in rows], np.int64) for i in range(3)]
    questions = [np.array([ask[i] for ask in asked], np.int64) for i in range(2)]
    return asof(Rows(*columns), Questions(*questions), ttl).tolist()


@given(ROWS, ASKED, st.one_of(st.none(), st.integers(0, 6)))
def test_equals_the_loop(rows, asked, ttl):
    assert joined(rows, asked, ttl) == [by_hand(rows, key, at, ttl) for key, at in asked]


@given(ROWS, ASKED)
def test_equals_the_loop_on_sorted_rows(rows, asked):
    rows.sort()
    assert joined(rows, asked, 4) == [by_hand(rows, key, at, 4) for key, at in asked]


@given(ROWS, ASKED)
def test_equals_the_loop_where_times_lie_very_far_apart(rows, asked):
    wide = 2**58
    far = [(key, time * wide, created * wide) for key, time, created in rows]
    questions = [(key, at * wide) for key, at in asked]
    assert joined(far, questions, None) == [by_hand(far, key, at, None) for key, at in questions]


def test_a_later_row_never_changes_an_earlier_answer():
    rows = [(0, 1, 1), (0, 2, 2)]
    assert joined([*rows, (0, 2, 9), (0, 3, 3)], [(0, 2)], None) == joined(rows, [(0, 2)], None) == [1]


def test_unequal_lengths_are_refused():
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(BadInput):
        asof(Rows(one, two, two), Questions(one, one), None)
