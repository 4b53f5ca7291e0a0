"""What the cash forecast reads of a company at the end of a day: forecasts from its own past, and its open invoices.

Money moved between own accounts is left out, the opening balance counts as balance only. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.errors import BadInput
from scoreops.core.recipe import Scorer
from scoreops.core.spec import Schema
from scoreops.sme import forecasting
from scoreops.sme.asof import mean
from scoreops.sme.calendar import next_open
from scoreops.sme.late_features import LATE_FEATURES, History, Invoices
from scoreops.sme.late_training import seen_before

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
DaysLate = Callable[[Array], Array]
"""From late-payment features (n, d) to days late (n,)."""

HORIZON: Final = 30
PAST: Final = 750
"""Days of history that are looked at."""
SPREAD: Final = 3
"""An invoice's amount is spread over so many days before and after the day on which it is expected."""
GIVEN_UP: Final = 90
"""Days after the due day from which nothing is expected of an invoice."""
VIETNAM: Final = 7 * 3600
AHEAD: Final = ("naive", "naive_4", "ets", "month", "year", "prophet", "inflow")
ROW: Final = ("scale", "mean_28", "mean_91", "spread_56", "balance", "history_days", "as_of_day")
_USUAL: Final = ("median_late_10", "org_mean_late", "days_to_due")
CASH_FEATURES: Final = Schema(
    (*ROW, *(f"{name}_{step:02d}" for name in AHEAD for step in range(1, HORIZON + 1))),
)


def days_late_by(scorer: Scorer) -> DaysLate:
    """How a loaded late-payment score tells days late from its features."""

    def days_late(features: Array) -> Array:
        return np.asarray(scorer.infer({"features": features}, {"reasons": False})["days_late"], dtype=np.float64)

    return days_late


def usual_days_late(features: Array) -> Array:
    """(n,) what a customer's last payments say by themselves: their median, else the company's mean, else the due day.

    Nothing is learnt, so that it may be asked about any morning of the past.
    """
    median, mean_of_org, to_due = (features[:, LATE_FEATURES.columns.index(name)] for name in _USUAL)
    return np.asarray(np.fmax(np.nan_to_num(np.where(np.isnan(median), mean_of_org, median)), -to_due))


@dataclass(frozen=True)
class Books:
    """Net cash of companies by day.

    keys: (org_id, currency) of each row. net: (n, days) from `first` on, NaN before a company's first day. opening:
    (n,) what was in the accounts before that.
    """

    keys: tuple[tuple[str, str], ...]
    first: int
    net: Array
    opening: Array

    def until(self, day: int) -> Array:
        """(n, t) history before `day`, at most PAST days, which may be less than none for a young company."""
        stop = max(0, day - self.first)
        return self.net[:, max(0, stop - PAST) : stop]

    def balance(self, day: int) -> Array:
        """(n,) on the morning of `day`."""
        return np.asarray(self.opening + np.nansum(self.net[:, : max(0, day - self.first)], axis=1))

    def ahead(self, day: int) -> Array:
        """(n, HORIZON) what came from `day` on; NaN beyond the end of the books."""
        start = day - self.first
        part = self.net[:, start : start + HORIZON]
        return np.pad(part, ((0, 0), (0, HORIZON - part.shape[1])), constant_values=np.nan)


def books_of(transactions: pd.DataFrame, *, until: int) -> Books:
    """Books from columns org_id, currency, booked_at, amount_minor, category, of days (Vietnam's) before `until`."""
    needed = ("org_id", "currency", "booked_at", "amount_minor", "category")
    missing = [name for name in needed if name not in transactions]
    if missing:
        raise BadInput(f"missing columns {', '.join(missing)}", "bank_transactions")
    at = pd.to_datetime(transactions["booked_at"], utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    day = (at.astype(np.int64) + VIETNAM) // 86_400
    category = transactions["category"].to_numpy(str)
    rows = pd.DataFrame(
        {"org": transactions["org_id"].to_numpy(str), "currency": transactions["currency"].to_numpy(str)}
    )
    rows["day"], rows["amount"] = day, transactions["amount_minor"].to_numpy(np.int64)
    rows["opening"], rows["own"] = category == "opening_balance", category == "internal"
    rows = rows[(day < until) & ~rows["own"]]
    if rows.empty:
        raise BadInput(f"no transactions before day {until}", "bank_transactions")
    groups = rows.groupby(["org", "currency"], sort=True)
    code = groups.ngroup().to_numpy()
    began_on = groups["day"].min()
    keys = tuple((str(key[0]), str(key[1])) for key in began_on.index.tolist())
    first = int(rows["day"].min())
    opening, flow = rows["opening"].to_numpy(), rows["amount"].to_numpy(np.float64)
    net = np.zeros((len(keys), until - first))
    np.add.at(net, (code[~opening], rows["day"].to_numpy()[~opening] - first), flow[~opening])
    began = began_on.to_numpy() - first
    net[np.arange(net.shape[1]) < began[:, None]] = np.nan
    return Books(keys, first, net, np.bincount(code, np.where(opening, flow, 0.0), len(keys)).astype(np.float64))


def cash_features(books: Books, inflow: Array, day: int, *, with_prophet: Sequence[int] = ()) -> Array:
    """(n, len(CASH_FEATURES)) on the morning of `day`, for the days from `day` on; NaN is unknown.

    `inflow` (n, HORIZON) is what open invoices are expected to bring. Prophet is fitted for the rows `with_prophet`.
    """
    history = books.until(day)
    days = (~np.isnan(history)).sum(axis=1).astype(np.float64)
    scale = np.maximum(np.nan_to_num(mean(np.abs(history[:, -56:]))), 1.0)
    ahead = {
        "naive": forecasting.same_weekday(history, HORIZON, 8),
        "naive_4": forecasting.same_weekday(history, HORIZON, 4),
        "ets": forecasting.ets(history, HORIZON),
        "month": forecasting.same_month_day(history, day, HORIZON, 3),
        "year": forecasting.same_day_of_year(history, HORIZON),
        "prophet": np.full((len(history), HORIZON), np.nan),
        "inflow": inflow,
    }
    centre = mean(history[:, -56:])[:, None]
    size = {
        "scale": scale,
        "mean_28": mean(history[:, -28:]),
        "mean_91": mean(history[:, -91:]),
        "spread_56": np.sqrt(mean((history[:, -56:] - centre) ** 2)),
        "balance": books.balance(day),
        "history_days": days,
        "as_of_day": np.full(len(history), float(day)),
    }
    made = np.concatenate([np.stack([size[name] for name in ROW], axis=1), *(ahead[name] for name in AHEAD)], axis=1)
    fit_prophet(made, books, day, with_prophet)
    return made


def fit_prophet(features: Array, books: Books, day: int, rows: Iterable[int]) -> None:
    """Write Prophet's curve into some rows of features of the morning of `day`: a fit takes a good part of a second."""
    history, start = books.until(day), len(ROW) + AHEAD.index("prophet") * HORIZON
    for row in rows:
        if features[row, ROW.index("history_days")] >= 2 * forecasting.WEEK:
            features[row, start : start + HORIZON] = forecasting.prophet(history[row], day, HORIZON)


def expected_inflow(
    invoices: pd.DataFrame,
    keys: Sequence[tuple[str, str]],
    day: int,
    days_late: DaysLate,
    *,
    later: Array | None = None,
) -> Array:
    """(len(keys), HORIZON) what the invoices that are open on the morning of `day` will bring.

    An invoice is expected on its due day plus what `days_late` says of it, not before `day`, on an open day; its amount
    is spread over SPREAD days before and after. `later` (one number for each invoice) adds days, for scenarios.
    """
    known = Invoices.of(invoices)
    visible = known.issued < day
    place = pd.Index(pd.MultiIndex.from_tuples(list(keys))).get_indexer(
        pd.MultiIndex.from_arrays([invoices["org_id"].to_numpy(str), invoices["currency"].to_numpy(str)])
    )
    asked = np.flatnonzero(visible & (known.cleared >= day) & (known.due >= day - GIVEN_UP) & (place >= 0))
    made = np.zeros((len(keys), HORIZON))
    if not len(asked):
        return made
    seen = seen_before(known, day)
    still = known.take(asked)
    features = History(seen).features(still, np.full(len(asked), day))
    shift = 0 if later is None else later[asked]
    expected = np.maximum(still.due + np.rint(days_late(features) + shift).astype(np.int64), day)
    at = next_open(expected) - day
    for step in range(-SPREAD, SPREAD + 1):
        there = np.maximum(at + step, 0)
        inside = there < HORIZON
        share = still.amount[inside] / (2 * SPREAD + 1)
        np.add.at(made, (place[asked][inside], there[inside]), share)
    return made
