"""Vietnam's calendar against dates that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.sme import calendar


def day(iso):
    return int(np.datetime64(iso, "D").astype(np.int64))


@pytest.mark.parametrize(
    ("year", "iso"),
    [
        (2007, "2007-02-17"),  # a day before China's: the new moon falls before midnight in Hanoi
        (2019, "2019-02-05"),
        (2020, "2020-01-25"),
        (2023, "2023-01-22"),
        (2024, "2024-02-10"),
        (2025, "2025-01-29"),
        (2026, "2026-02-17"),
        (2027, "2027-02-06"),
        (2030, "2030-02-02"),  # again a day before China's
    ],
)
def test_tet_is_the_first_day_of_vietnams_lunar_year(year, iso):
    assert calendar.tet_of(year) == day(iso)


@pytest.mark.parametrize("iso", ["2025-01-31", "2025-04-07", "2025-04-30", "2025-09-02", "2026-02-18", "2026-01-03"])
def test_banks_are_closed(iso):
    assert calendar.is_off([day(iso)])[0]


def test_banks_are_open_on_an_ordinary_friday():
    assert not calendar.is_off([day("2026-03-27")])[0]


def test_wages_of_the_end_of_a_month_in_tet_are_paid_before_it():
    january = np.arange(day("2025-01-01"), day("2025-02-01"))
    paid = january[calendar.is_payday(january)]
    assert [str(np.datetime64(int(d), "D")) for d in paid] == ["2025-01-03", "2025-01-10", "2025-01-24"]


def test_a_missing_date_is_never():
    assert calendar.as_days(["2025-01-01", None]).tolist() == [day("2025-01-01"), calendar.NEVER]


def test_days_from_tet_change_sign_on_the_day():
    around = calendar.from_tet([day("2026-02-16"), day("2026-02-17"), day("2026-02-18")])
    assert around.tolist() == [-1, 0, 1]


DAYS = st.integers(day("2005-01-01"), day("2034-12-31"))


@given(DAYS)
def test_the_next_open_day_is_open_and_all_before_it_are_not(at):
    found = int(calendar.next_open([at])[0])
    assert found >= at
    assert not calendar.is_off([found])[0]
    assert calendar.is_off(np.arange(at, found)).all()


@given(st.lists(DAYS, min_size=1, max_size=20))
def test_a_day_has_the_same_regressors_alone_and_among_others(days):
    together = calendar.regressors(days)
    alone = np.concatenate([calendar.regressors([d]) for d in days])
    np.testing.assert_array_equal(together, alone)
    assert ((together >= 0) & (together <= 1)).all()
