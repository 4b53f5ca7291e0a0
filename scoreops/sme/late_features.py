"""What the late-payment score reads of an invoice at a moment: nothing that was not known by then.

An invoice's outcome is known from the day after it was cleared. Before that only its lateness so far is known, which
says much about the customer's other invoices: both are columns.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.spec import Schema
from scoreops.sme.asof import Asked, Past, divided, largest, mean, quantiles, spread
from scoreops.sme.calendar import NEVER, TET_REACH, from_tet, month_parts, next_open, weekday
from scoreops.sme.invoices import Invoices

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

RECENT: Final = 10
LONG: Final = 30
"""Newest outcomes of a customer that medians and quantiles look at."""
WINDOW: Final = 20
"""Newest due invoices of a customer whose lateness so far is looked at."""
ORG_DAYS: Final = 60
PRIOR: Final = 3
"""A customer's own mean weighs against so many of the org's."""
_INVOICE: Final = ("term_days", "days_to_due", "log_amount", "amount_ratio")
_CALENDAR: Final = (
    "due_weekday",
    "due_day",
    "due_to_month_end",
    "due_wait",
    "due_before_tet",
    "due_after_tet",
    "as_of_weekday",
)
_OUTCOMES: Final = (
    "n_cleared",
    "mean_late",
    "shrunk_late",
    "median_late_10",
    "low_late_10",
    "high_late_10",
    "std_late_10",
    "last_late",
    "late_before_last",
    "mean_late_3",
    "share_late",
    "median_late_30",
    "low_late_30",
    "high_late_30",
    "n_weekday",
    "mean_late_weekday",
    "median_late_weekday",
    "low_late_weekday",
    "high_late_weekday",
    "last_late_weekday",
    "mean_late_size",
    "median_late_size",
    "last_late_size",
    "mean_late_day",
    "median_late_day",
    "usual_pay_wait",
    "days_since_cleared",
)
_OPEN: Final = (
    "n_open",
    "n_overdue",
    "overdue_ratio",
    "mean_so_far_5",
    "mean_so_far_20",
    "worst_so_far_20",
    "share_open_20",
    "same_day",
)
_ORG: Final = ("org_mean_late", "org_share_late", "org_n_cleared")
LATE_FEATURES: Final = Schema((*_INVOICE, *_CALENDAR, *_OUTCOMES, *_OPEN, *_ORG))


class History:
    """Invoices, ready to be asked about."""

    def __init__(self, invoices: Invoices) -> None:
        self.all = invoices
        paid = invoices.take(invoices.cleared < NEVER)
        self.paid = paid
        self.by_customer = Past(paid.customer, paid.cleared)
        self._by_weekday = Past(paid.customer * 7 + weekday(paid.due), paid.cleared)
        self._by_size = Past(paid.customer * 64 + _size(paid.amount), paid.cleared)
        self._by_day = Past(paid.customer * 32 + month_parts(paid.due)[1], paid.cleared)
        self._by_org = Past(paid.org, paid.cleared)
        self._issued = Past(invoices.customer, invoices.issued)
        self._due = Past(invoices.customer, invoices.due)
        self._settled = Past(paid.customer, np.maximum(paid.cleared, paid.due))

    @cached_property
    def _share(self) -> Ints:
        return (self.paid.late > 0).astype(np.int64)

    def features(self, asked: Invoices, as_of: Ints) -> Array:
        """(m, len(LATE_FEATURES)) of invoices of this history on the days `as_of` (m,); NaN is unknown.

        Payments booked before that day are known, and the invoices that were written together with the one asked for.
        """
        made = _invoice(asked, as_of) | _calendar(asked, as_of)
        made |= self._org(asked, as_of)
        made |= self._outcomes(asked, as_of, made["org_mean_late"])
        made |= self._open(asked, as_of)
        made["amount_ratio"] = divided(asked.amount.astype(np.float64), self._mean_amount(asked, as_of))
        return np.stack([made[name] for name in LATE_FEATURES.columns], axis=1)

    def _mean_amount(self, asked: Invoices, as_of: Ints) -> Array:
        return self._issued.at(asked.customer, as_of).mean(self.all.amount)

    def _org(self, asked: Invoices, as_of: Ints) -> dict[str, Array]:
        lately = self._by_org.at(asked.org, as_of, since=as_of - ORG_DAYS)
        return {
            "org_mean_late": lately.mean(np.clip(self.paid.late, -60, 120)),
            "org_share_late": lately.mean(self._share),
            "org_n_cleared": np.log1p(lately.count),
        }

    def _outcomes(self, asked: Invoices, as_of: Ints, org_mean: Array) -> dict[str, Array]:
        late = np.clip(self.paid.late, -60, 120)
        known = self.by_customer.at(asked.customer, as_of)
        long = known.last(late, LONG)
        newest = long[:, :RECENT]
        usual = np.where(np.isnan(org_mean), 0, org_mean)
        return {
            "n_cleared": np.log1p(known.count),
            "mean_late": known.mean(late),
            "shrunk_late": (known.sum(late) + PRIOR * usual) / (known.count + PRIOR),
            "std_late_10": spread(newest),
            "last_late": newest[:, 0],
            "late_before_last": newest[:, 1],
            "mean_late_3": mean(newest[:, :3]),
            "share_late": known.mean(self._share),
            "usual_pay_wait": self._pay_wait(asked, known),
            "days_since_cleared": as_of - known.last(self.paid.cleared, 1)[:, 0],
            **_spread("10", newest),
            **_spread("30", long),
            **self._alike(asked, as_of, late),
        }

    def _alike(self, asked: Invoices, as_of: Ints, late: Ints) -> dict[str, Array]:
        """Outcomes of the customer's invoices of the same weekday, of about the same amount, of the same day."""
        weekdays = self._by_weekday.at(asked.customer * 7 + weekday(asked.due), as_of)
        same_weekday = weekdays.last(late, RECENT)
        same_size = self._by_size.at(asked.customer * 64 + _size(asked.amount), as_of).last(late, RECENT)
        same_day = self._by_day.at(asked.customer * 32 + month_parts(asked.due)[1], as_of).last(late, RECENT)
        return {
            "n_weekday": np.log1p(weekdays.count),
            "mean_late_weekday": mean(same_weekday),
            **_spread("weekday", same_weekday),
            "last_late_weekday": same_weekday[:, 0],
            "mean_late_size": mean(same_size),
            "median_late_size": quantiles(same_size, 0.5)[0],
            "last_late_size": same_size[:, 0],
            "mean_late_day": mean(same_day),
            "median_late_day": quantiles(same_day, 0.5)[0],
        }

    def _pay_wait(self, asked: Invoices, known: Asked) -> Array:
        """Days from the due day to the weekday on which the customer paid most often of the last RECENT times."""
        paid_on = known.last(weekday(self.paid.cleared), RECENT)
        counts = (paid_on[:, :, None] == np.arange(7)).sum(axis=1)
        wait = (counts.argmax(axis=1) - weekday(asked.due)) % 7
        return np.where(known.count > 0, wait, np.nan)

    def _open(self, asked: Invoices, as_of: Ints) -> dict[str, Array]:
        issued, settled = self._issued.at(asked.customer, as_of), self._settled.at(asked.customer, as_of)
        known, due = self.by_customer.at(asked.customer, as_of), self._due.at(asked.customer, as_of)
        n_open, n_overdue = issued.count - known.count, due.count - settled.count
        open_amount = issued.sum(self.all.amount) - known.sum(self.paid.amount)
        overdue = due.sum(self.all.amount) - settled.sum(self.paid.amount)
        cleared, due_on = due.last(self.all.cleared, WINDOW), due.last(self.all.due, WINDOW)
        so_far = np.clip(np.minimum(cleared, as_of[:, None]) - due_on, -60, 120)
        still_open = np.where(np.isnan(cleared), np.nan, cleared >= as_of[:, None])
        today = self._issued.at(asked.customer, asked.issued + 1, since=asked.issued)
        return {
            "n_open": np.log1p(np.maximum(n_open, 0)),
            "n_overdue": np.log1p(np.maximum(n_overdue, 0)),
            "overdue_ratio": divided(overdue, open_amount),
            "mean_so_far_5": mean(so_far[:, :5]),
            "mean_so_far_20": mean(so_far),
            "worst_so_far_20": largest(np.where(still_open == 1, so_far, np.nan)),
            "share_open_20": mean(still_open),
            "same_day": np.log1p(today.count),
        }


def _spread(of: str, late: Array) -> dict[str, Array]:
    names = [f"{name}_late_{of}" for name in ("low", "median", "high")]
    return dict(zip(names, quantiles(late, 0.1, 0.5, 0.9), strict=True))


def _size(amount: Ints) -> Ints:
    """A number for amounts of the same power of two."""
    return np.clip(np.log2(np.maximum(amount, 1)), 0, 63).astype(np.int64)


def _invoice(asked: Invoices, as_of: Ints) -> dict[str, Array]:
    return {
        "term_days": (asked.due - asked.issued).astype(np.float64),
        "days_to_due": (asked.due - as_of).astype(np.float64),
        "log_amount": np.log1p(np.maximum(asked.amount, 0)),
    }


def _calendar(asked: Invoices, as_of: Ints) -> dict[str, Array]:
    _, day, to_come = month_parts(asked.due)
    away = from_tet(asked.due)  # far from Tet both columns are 0: a day of autumn is not one of spring
    columns = {
        "due_weekday": weekday(asked.due),
        "due_day": day,
        "due_to_month_end": to_come,
        "due_wait": next_open(asked.due) - asked.due,
        "due_before_tet": np.clip(TET_REACH + away, 0, TET_REACH) * (away < 0),
        "due_after_tet": np.clip(TET_REACH - away, 0, TET_REACH) * (away >= 0),
        "as_of_weekday": weekday(as_of),
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


__all__ = ["LATE_FEATURES", "History", "Invoices"]
