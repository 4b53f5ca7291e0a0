"""The queue of keys: never in two hands, no wake-up lost."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.schedule import Schedule


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def queue():
    clock = Clock()
    return clock, Schedule(clock)


def due(schedule):
    """Everything that is due, taken and held."""
    found = []
    while schedule._heap and any(not schedule._stale(*one) and one[0] <= schedule._clock() for one in schedule._heap):
        found.append(schedule.take())
    return found


def test_who_is_woken_is_due_once(queue):
    _, schedule = queue
    for key in ("a", "b", "a", "a"):
        schedule.wake(key)
    assert due(schedule) == ["a", "b"]


def test_who_rests_is_due_when_its_moment_has_come(queue):
    clock, schedule = queue
    schedule.wake("a")
    schedule.give_back(schedule.take(), 5)
    clock.now = 4.9
    assert due(schedule) == []
    clock.now = 5
    assert due(schedule) == ["a"]


def test_a_wake_up_in_the_middle_is_not_lost(queue):
    _, schedule = queue
    schedule.wake("a")
    schedule.take()
    schedule.wake("a")
    assert due(schedule) == [], "it is in somebody's hands"
    schedule.give_back("a", 60)
    assert due(schedule) == ["a"]


def test_who_fails_waits_longer_each_time_and_forgets_it_after_success(queue):
    clock, schedule = queue
    schedule.wake("a")
    waits = []
    for _ in range(8):
        schedule.take()
        waits.append(schedule.failed("a"))
        clock.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    schedule.take()
    schedule.give_back("a", 0)
    schedule.take()
    assert schedule.failed("a") == 1


def test_who_is_gone_is_forgotten_unless_it_was_woken(queue):
    _, schedule = queue
    schedule.wake("a")
    schedule.forget(schedule.take())
    assert schedule.size() == 0
    schedule.wake("a")
    key = schedule.take()
    schedule.wake("a")
    schedule.forget(key)
    assert due(schedule) == ["a"]


def test_a_stuck_one_is_seen(queue):
    clock, schedule = queue
    schedule.wake("a")
    schedule.wake("b")
    schedule.take()
    clock.now = 130
    assert schedule.slowest_s() == 130
    schedule.give_back("a", 60)
    schedule.forget(schedule.take())
    assert schedule.slowest_s() == -60


def test_closing_lets_everybody_go():
    schedule = Schedule()
    found = []
    threads = [threading.Thread(target=lambda: found.append(schedule.take())) for _ in range(3)]
    for thread in threads:
        thread.start()
    schedule.close()
    for thread in threads:
        thread.join(5)
    assert found == [None, None, None]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["wake", "take", "back", "fail", "later"]))))
def test_no_key_is_in_two_hands_and_none_is_lost(moves):
    clock = Clock()
    schedule = Schedule(clock)
    held, known = set(), set()
    for key, move in moves:
        if move == "wake":
            schedule.wake(key)
            known.add(key)
        elif move == "later":
            clock.now += 1
        elif move == "take":
            for found in due(schedule):
                assert found not in held
                held.add(found)
        elif key in held:
            held.discard(key)
            schedule.give_back(key, 3) if move == "back" else schedule.failed(key)
    clock.now += 100
    assert held | set(due(schedule)) == known
