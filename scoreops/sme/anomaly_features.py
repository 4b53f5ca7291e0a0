"""What the anomaly score reads of a bank transaction: how it differs from the transactions booked before it.

Only earlier transactions of the same org are read. Two risk columns rest on feedback: what people had called true or
false by then, at least FEEDBACK_DAYS after the booking.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.spec import Schema
from scoreops.sme.asof import Asked, Past, as_codes, divided
from scoreops.sme.transactions import NO_FEEDBACK, Feedback, Transactions

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY: Final = 86_400
VIETNAM: Final = 7 * 3600
WINDOW: Final = 180 * DAY
FEEDBACK_DAYS: Final = 7
RISK_DAYS: Final = 7
_PRIOR: Final = 3.0
_MILLI: Final = 1000
"""Logarithms of amounts are summed as whole thousandths, so that sums are exact."""
_MIN_SPREAD: Final = 0.15
ANOMALY_FEATURES: Final = Schema(
    (
        "amount_vs_org",
        "amount_vs_category",
        "amount_vs_counterparty",
        "amount_z_counterparty",
        "newness",
        "gap_vs_usual",
        "dormancy",
        "hour_rarity",
        "weekday_rarity",
        "repeats_3d",
        "similar_2d",
        "account_velocity",
        "flow_vs_usual",
        "below_round",
        "terminal_reversals",
        "terminal_risk",
        "outflow",
        "history_days",
    )
)
ODD: Final = 16
"""The first columns, which say how odd a transaction is; the others say with which it is compared."""


def anomaly_features(rows: Transactions, feedback: Feedback = NO_FEEDBACK) -> Array:
    """(n, d) in the order of ANOMALY_FEATURES; NaN is unknown."""
    log = np.rint(np.log(np.maximum(rows.size, 1)) * _MILLI).astype(np.int64)
    made = _amounts(rows, log) | _habits(rows) | _bursts(rows, log)
    made["below_round"] = _below_round(rows.size)
    made["terminal_risk"] = _terminal_risk(rows, feedback)
    begun = Past(rows.org, rows.at).at(rows.org, rows.at).first(rows.at)
    made["history_days"] = np.nan_to_num((rows.at - begun) / DAY)
    made["outflow"] = rows.out.astype(np.float64)
    return np.stack([made[name] for name in ANOMALY_FEATURES.columns], axis=1)


def _level(asked: Asked, log: Ints) -> tuple[Array, Array]:
    """Mean and standard deviation of the logarithms of earlier amounts."""
    mean = asked.mean(log)
    square = asked.mean(log**2)
    return mean / _MILLI, np.sqrt(np.maximum(square - mean**2, 0)) / _MILLI


def _past(rows: Transactions, group: Ints) -> Asked:
    """The earlier rows of each row's own group and direction, half a year back."""
    code = group * 2 + rows.out
    return Past(code, rows.at).at(code, rows.at, since=rows.at - WINDOW)


def _amounts(rows: Transactions, log: Ints) -> dict[str, Array]:
    size = log / _MILLI
    org, _ = _level(_past(rows, rows.org), log)
    kind, kind_spread = _level(_past(rows, rows.category), log)
    own = _past(rows, rows.counterparty)
    mean, spread = _level(own, log)
    mean = np.where(own.count > 0, mean, kind)
    mean = (own.count * mean + kind) / (own.count + 1)
    known = np.where(own.count >= 2, spread, kind_spread)
    return {
        "amount_vs_org": size - org,
        "amount_vs_category": (size - kind) / np.maximum(kind_spread, _MIN_SPREAD),
        "amount_vs_counterparty": size - mean,
        "amount_z_counterparty": (size - mean) / np.maximum(known, _MIN_SPREAD),
    }


def _rarity(some: Array, of: Array, ways: int) -> Array:
    """Surprise in nats of what was seen `some` of `of` times where `ways` outcomes are possible."""
    return np.asarray(-np.log((some + 1) / (of + ways)))


def _habits(rows: Transactions) -> dict[str, Array]:
    counterparty = Past(rows.counterparty, rows.at)
    before = counterparty.at(rows.counterparty, rows.at)
    account = Past(rows.account, rows.at).at(rows.account, rows.at)
    way = Past(rows.account * 2 + rows.out, rows.at).at(rows.account * 2 + rows.out, rows.at)
    first = account.first(rows.at)
    moved = np.where(way.count > 0, way.last(rows.at, 1)[:, 0], first)
    times = before.last(rows.at, 6)
    gap = (rows.at - times[:, 0]) / DAY
    usual = (times[:, 0] - np.fmin.reduce(times, axis=1)) / DAY / np.maximum(np.minimum(before.count, 6) - 1, 1)
    local = (rows.at + VIETNAM) // 3600
    hour, weekday = local % 24, (local // 24 + 3) % 7
    hours = Past((rows.account * 2 + rows.out) * 24 + hour, rows.at)
    near = [
        hours.at((rows.account * 2 + rows.out) * 24 + (hour + step) % 24, rows.at).count for step in (-2, -1, 0, 1, 2)
    ]
    weekdays = (rows.account * 2 + rows.out) * 7 + weekday
    same = Past(weekdays, rows.at).at(weekdays, rows.at).count
    return {
        "newness": _newness(rows, before.count == 0),
        "gap_vs_usual": np.where(before.count > 2, np.log((gap + 1) / (usual + 1)), np.nan),
        "dormancy": np.log1p((rows.at - moved) / DAY),
        "hour_rarity": _rarity(np.sum(near, axis=0), way.count, 5),
        "weekday_rarity": _rarity(same, way.count, 7),
    }


def _newness(rows: Transactions, new: NDArray[np.bool_]) -> Array:
    """Surprise at a counterparty without earlier transactions: large where the category rarely has new ones."""
    group = rows.category * 2 + rows.out
    of = Past(group, rows.at).at(group, rows.at)
    return np.where(new, -np.log((of.sum(new.astype(np.int64)) + 1) / (of.count + 2)), 0.0)


def _bursts(rows: Transactions, log: Ints) -> dict[str, Array]:
    payment = as_codes(rows.account, rows.counterparty, rows.size * 2 + rows.out)
    repeats = Past(payment, rows.at).at(payment, rows.at, since=rows.at - 3 * DAY).count
    own = rows.counterparty * 2 + rows.out
    lately = Past(own, rows.at).at(own, rows.at, since=rows.at - 2 * DAY)
    typical = np.exp(_level(_past(rows, rows.counterparty), log)[0])
    way = Past(rows.account * 2 + rows.out, rows.at)
    day, days = (way.at(rows.account * 2 + rows.out, rows.at, since=rows.at - n * DAY).count for n in (1, 30))
    return {
        "repeats_3d": repeats,
        "similar_2d": _similar(rows, log, own),
        "account_velocity": np.log1p(day) - np.log1p(days / 30),
        "flow_vs_usual": np.log(divided(lately.sum(rows.size) + rows.size, typical) + 1e-9),
        "terminal_reversals": _reversals(rows),
    }


def _similar(rows: Transactions, log: Ints, own: Ints) -> Array:
    """How many payments of about the same amount, within 10 %, the counterparty had in two days."""
    bucket = log // (_MILLI // 20)
    group, steps = own * 2**20 + bucket, (-1, 0, 1)
    past = Past(group, rows.at)
    return np.asarray(sum(past.at(group + step, rows.at, since=rows.at - 2 * DAY).count for step in steps))


def _reversals(rows: Transactions) -> Array:
    """More money paid back at the terminal in a day than was usual in the 30 days before."""
    group = (rows.terminal + 1) * 2 + rows.out
    past = Past(group, rows.at)
    day, month = (past.at(group, rows.at, since=rows.at - n * DAY).count for n in (1, 30))
    back = (rows.terminal >= 0) & (rows.out == 1)
    return np.where(back, np.log1p(day) - np.log1p(month / 30) + 1, 0.0)


def _below_round(size: Ints) -> Array:
    """How closely an amount stays under a number of one digit and zeros: 1 just below it, 0 for 5 % or more."""
    amount = np.maximum(size, 1).astype(np.float64)
    digit = 10 ** np.floor(np.log10(amount))
    missing = np.ceil(amount / digit) - amount / digit
    return np.where(missing > 0, np.clip(1 - missing * digit / amount / 0.05, 0, 1), 0.0)


def _terminal_risk(rows: Transactions, feedback: Feedback) -> Array:
    """Share of true alarms among the terminal's transactions of the newest RISK_DAYS that can have been judged."""
    some = rows.terminal >= 0
    late = FEEDBACK_DAYS * DAY
    known = Past(rows.terminal + 1, rows.at)
    of = known.at(rows.terminal + 1, rows.at - late, since=rows.at - late - RISK_DAYS * DAY).count
    said = feedback.row[feedback.true]
    judged = rows.take(said)
    seen = np.maximum(feedback.known[feedback.true], judged.at + late)
    true = Past(judged.terminal + 1, seen).at(rows.terminal + 1, rows.at, since=rows.at - RISK_DAYS * DAY).count
    return np.where(some, true / (of + _PRIOR), 0.0)


__all__ = ["ANOMALY_FEATURES", "DAY", "FEEDBACK_DAYS", "Feedback", "Transactions", "anomaly_features"]
