"""Vietnam's calendar: public holidays with Tet by the lunar calendar, working days and paydays.

Days are whole numbers since 1970-01-01. Holidays come from the package `holidays`, which Prophet brings along.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Days = NDArray[np.int64]

PAYDAYS: Final = (5, 10, 31)
"""Days of the month on which wages are usual; 31 is the last day of any month."""
TET_REACH: Final = 30
"""So many days before and after Tet still feel it."""
REGRESSORS: Final = ("payday", "month_end", "month_start", "before_tet", "tet", "after_tet", "day_off")
NEVER: Final = 2**40
"""The day of what has not happened."""
_EPOCH_ORDINAL: Final = 719_163
_SATURDAY: Final = 5


def as_days(dates: Any) -> Days:
    """(n,) days of dates, timestamps or ISO strings; NEVER where there is none."""
    import pandas as pd

    found = pd.to_datetime(pd.Series(dates)).to_numpy()
    days = found.astype("datetime64[D]").astype(np.int64)
    return np.where(np.isnat(found), NEVER, days)


def as_seconds(times: Any) -> Days:
    """(n,) whole seconds since 1970 of timestamps, those without a zone taken for UTC."""
    import pandas as pd

    found = pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy()
    return np.asarray(found.astype("datetime64[s]").astype(np.int64))


def day_number(day: date) -> int:
    """Days from 1970 to `day`."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(number: int) -> date:
    """The day of a number of days since 1970."""
    return date.fromordinal(number + _EPOCH_ORDINAL)


def weekday(days: ArrayLike) -> Days:
    """0 for Monday."""
    return np.asarray((np.asarray(days, dtype=np.int64) + 3) % 7)


def month_parts(days: ArrayLike) -> tuple[Days, Days, Days]:
    """Month (1-12), day of the month (1-31), and how many days of the month are still to come."""
    at = np.asarray(days, dtype=np.int64).astype("datetime64[D]")
    month = at.astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    length = ((month + 1).astype("datetime64[D]") - first).astype(np.int64)
    day = (at - first).astype(np.int64) + 1
    return month.astype(np.int64) % 12 + 1, day, length - day


@cache
def holidays_of(year: int) -> tuple[tuple[int, str], ...]:
    """(day, English name) of the public holidays, with days off given in exchange."""
    import holidays

    found = holidays.country_holidays("VN", years=year, language="en_US")
    return tuple((day_number(day), name) for day, name in sorted(found.items()))


@cache
def tet_of(year: int) -> int:
    """The first day of the lunar year that begins in `year`."""
    return next(day for day, name in holidays_of(year) if name.split(";")[0] == "Lunar New Year")


def _years(days: Days) -> range:
    first, last = np.array([days.min(), days.max()]).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    return range(int(first) + 1969, int(last) + 1972)


def from_tet(days: ArrayLike) -> Days:
    """Days since the nearest Tet, negative before it."""
    at = np.asarray(days, dtype=np.int64)
    if not at.size:
        return at
    starts = np.array([tet_of(year) for year in _years(at)])
    middle = (starts[1:] + starts[:-1]) // 2
    return np.asarray(at - starts[np.searchsorted(middle, at)])


def is_off(days: ArrayLike) -> NDArray[np.bool_]:
    """Whether banks are closed: Saturdays, Sundays and public holidays."""
    at = np.asarray(days, dtype=np.int64)
    if not at.size:
        return np.zeros(at.shape, dtype=np.bool_)
    closed = np.array([day for year in _years(at) for day, _ in holidays_of(year)])
    return np.asarray((weekday(at) >= _SATURDAY) | np.isin(at, closed))


def next_open(days: ArrayLike) -> Days:
    """The day itself, or the first one after it on which banks are open."""
    return _moved(days, 1)


def last_open(days: ArrayLike) -> Days:
    """The day itself, or the last one before it on which banks are open."""
    return _moved(days, -1)


def _moved(days: ArrayLike, step: int) -> Days:
    at = np.array(days, dtype=np.int64)
    while (closed := is_off(at)).any():
        at[closed] += step
    return at


def is_payday(days: ArrayLike, of_month: Sequence[int] = PAYDAYS) -> NDArray[np.bool_]:
    """Whether wages are paid: on these days of the month or, where banks are closed, the last open day before."""
    at = np.asarray(days, dtype=np.int64)
    if not at.size:
        return np.zeros(at.shape, dtype=np.bool_)
    around = np.arange(int(at.min()), int(at.max()) + 15)
    _, day, to_come = month_parts(around)
    named = np.isin(day, of_month) | ((to_come == 0) & (max(of_month) >= day))
    return np.isin(at, last_open(around[named]))


def regressors(days: ArrayLike) -> Array:
    """(n, len(REGRESSORS)) of numbers in [0, 1]: what the calendar says of each day."""
    at = np.asarray(days, dtype=np.int64)
    _, day, to_come = month_parts(at)
    away = from_tet(at)
    columns = (
        is_payday(at),
        np.clip(1 - to_come / 5, 0, 1),
        np.clip(1 - (day - 1) / 5, 0, 1),
        np.where(away < 0, np.clip(1 + away / TET_REACH, 0, 1), 0),
        (away >= -1) & (away <= 5),
        np.where(away > 5, np.clip(1 - away / TET_REACH, 0, 1), 0),
        is_off(at) & (weekday(at) < _SATURDAY),
    )
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=-1)
