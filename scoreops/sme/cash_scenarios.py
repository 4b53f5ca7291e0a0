"""What if: a client pays later, somebody is hired, a loan is taken. And afterwards: what was forecast, what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.errors import BadInput, NotFound
from scoreops.sme.calendar import last_open, month_parts, next_open
from scoreops.sme.cash_features import HORIZON, DaysLate, expected_inflow

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PaysLater:
    """A customer pays what is open so many days later than expected."""

    customer_id: str
    days: int


@dataclass(frozen=True)
class Hire:
    """A wage, in minor units a month, is paid on `payday` of each month from the day `since` on."""

    monthly_minor: int
    since: int
    payday: int = 5


@dataclass(frozen=True)
class Loan:
    """An amount comes on the day `since`; from a month later on a rate is paid back on the same day of each month."""

    amount_minor: int
    monthly_minor: int
    since: int


Scenario = PaysLater | Hire | Loan


def scenario_delta(
    scenario: Scenario, invoices: pd.DataFrame, key: tuple[str, str], day: int, days_late: DaysLate
) -> Array:
    """(HORIZON,) minor units that the scenario adds to the net cash of the days from `day` on.

    `key` is (org_id, currency). Raises BadInput for a number out of range, NotFound for a customer without open
    invoices.
    """
    if isinstance(scenario, PaysLater):
        return _pays_later(scenario, invoices, key, day, days_late)
    days = np.arange(day, day + HORIZON)
    if isinstance(scenario, Hire):
        if scenario.monthly_minor <= 0 or not 1 <= scenario.payday <= 31:
            raise BadInput("a wage above 0 and a payday from 1 to 31 are needed", "hire")
        paid = _monthly(days, scenario.payday, last=True) & (days >= scenario.since)
        return np.where(paid, -float(scenario.monthly_minor), 0.0)
    if scenario.amount_minor <= 0 or scenario.monthly_minor < 0:
        raise BadInput("an amount above 0 and a rate of at least 0 are needed", "loan")
    _, begun, _ = month_parts([scenario.since])
    back = _monthly(days, int(begun[0]), last=False) & (days > scenario.since + 20)
    came = days == max(scenario.since, day)
    return np.where(came, float(scenario.amount_minor), 0.0) - np.where(back, float(scenario.monthly_minor), 0.0)


def _pays_later(
    scenario: PaysLater, invoices: pd.DataFrame, key: tuple[str, str], day: int, days_late: DaysLate
) -> Array:
    if not 0 < scenario.days <= 365:
        raise BadInput(f"{scenario.days} days; 1 to 365 are possible", "days")
    mine = invoices[invoices["org_id"].to_numpy(str) == key[0]]
    whose = mine["customer_id"].to_numpy(str) == scenario.customer_id
    usual = expected_inflow(mine, [key], day, days_late)
    if not expected_inflow(mine[whose], [key], day, lambda rows: np.full(len(rows), -1e3)).any():
        raise NotFound(f"customer {scenario.customer_id!r} of {key[0]!r} has no open invoice in {key[1]}")
    later = expected_inflow(mine, [key], day, days_late, later=np.where(whose, scenario.days, 0).astype(np.float64))
    return np.asarray((later - usual)[0])


def _monthly(days: NDArray[np.int64], of_month: int, *, last: bool) -> NDArray[np.bool_]:
    """Whether it is that day of the month, moved to the last open day before or the next one after."""
    around = np.arange(int(days[0]) - 15, int(days[-1]) + 16)
    _, day, to_come = month_parts(around)
    named = around[(day == of_month) | ((to_come == 0) & (day < of_month))]
    return np.isin(days, last_open(named) if last else next_open(named))


def against_actual(net: Array, low: Array, high: Array, came: Array, *, day: int) -> pd.DataFrame:
    """One row a day: day, forecast, low, high, actual, miss, cumulative_miss, inside. Inputs are (h,) minor units.

    Days whose actual is NaN, because they have not come yet, are left out.
    """
    known = ~np.isnan(came)
    miss = (came - net)[known]
    return pd.DataFrame(
        {
            "day": (day + np.flatnonzero(known)).astype("datetime64[D]").astype("datetime64[s]"),
            "forecast": net[known],
            "low": low[known],
            "high": high[known],
            "actual": came[known],
            "miss": miss,
            "cumulative_miss": np.cumsum(miss),
            "inside": (came >= low)[known] & (came <= high)[known],
        }
    )
