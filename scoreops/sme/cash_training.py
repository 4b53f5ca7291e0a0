"""How the cash forecast is trained: past mornings whose next 30 days are known, and backtests of every member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.boosting import REPEATABLE
from scoreops.core.errors import Refused
from scoreops.core.onnx_export import lightgbm_graph
from scoreops.sme.cash import CLASSES, LEVELS, METHODS, TOLD, CashModel, CashScorer, classes_of, unrolled
from scoreops.sme.cash_features import (
    CASH_FEATURES,
    HORIZON,
    ROW,
    Books,
    DaysLate,
    books_of,
    cash_features,
    expected_inflow,
    usual_days_late,
)

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WARM_DAYS: Final = 8 * 7
"""Days of the books before the first morning that is learnt from."""
EVERY: Final = 7
"""Days between two mornings."""
YOUNG: Final = (21, 42)
"""Days to which histories are cut so that the fallback of young companies is learnt from grown ones."""
MIN_ROWS: Final = 60
BLOCKS: Final = 4
"""Stretches of mornings, each of which is judged by a model of the others."""
TREES: Final = 200
UNSEEN_TET: Final = 1.5
"""How much wider the intervals near Tet are than those of other days while no Tet was backtested: on generated worlds
errors near Tet are 1.4 to 1.7 times as large."""
_SCALE: Final = ROW.index("scale")


@dataclass(frozen=True)
class CashRows:
    """n mornings: features (n, d), what came in the next days (n, HORIZON), the day, the company's row in the books."""

    features: Array
    came: Array
    day: Ints
    company: Ints

    def take(self, rows: NDArray[Any]) -> CashRows:
        """Some of the rows."""
        return CashRows(*(part[rows] for part in (self.features, self.came, self.day, self.company)))


@dataclass(frozen=True)
class TrainedCash:
    """The model and how much each column mattered to it; columns that it reads for 30 days count together."""

    model: CashModel
    importance: dict[str, float]


def cash_rows(
    transactions: pd.DataFrame,
    invoices: pd.DataFrame,
    days_late: DaysLate,
    *,
    until: int,
    prophets: int = 0,
    since: int = 0,
    learnt: int = 0,
) -> CashRows:
    """Rows of mornings from `since` on (default: the ninth week) whose next HORIZON days end before `until`.

    `days_late` should know nothing of payments from the day `learnt` on; earlier mornings expect what each customer
    usually does. Prophet is fitted for `prophets` mornings of every company, evenly spread. Some rows see just the
    last YOUNG days, and no Prophet.
    """
    books = books_of(transactions, until=until)

    def inflow(day: int) -> Array:
        return expected_inflow(invoices, books.keys, day, days_late if day >= learnt else usual_days_late)

    return rows_of_books(books, inflow, until=until, prophets=prophets, since=since)


def rows_of_books(
    books: Books, inflow: Callable[[int], Array], *, until: int, prophets: int = 0, since: int = 0
) -> CashRows:
    """The same from books and, by day, what open invoices are expected to bring (companies, HORIZON)."""
    days = np.arange(max(since, books.first + WARM_DAYS), until - HORIZON + 1, EVERY)
    if not len(days):
        raise Refused(f"the books hold {until - books.first} days; {WARM_DAYS + HORIZON} are needed")
    chosen = set(days[np.linspace(0, len(days) - 1, min(prophets, len(days))).astype(int)].tolist())
    parts = []
    for place, day in enumerate(days.tolist()):
        expected = inflow(day)
        parts.append(_morning(books, expected, day, range(len(books.keys)) if day in chosen else ()))
        parts.append(_morning(_only_last(books, day, YOUNG[place % len(YOUNG)]), expected, day, ()))
    return _joined(parts)


def _only_last(books: Books, day: int, days: int) -> Books:
    """The books as a company would know them that began `days` before `day`."""
    start = max(0, day - days - books.first)
    opening = books.opening + np.nansum(books.net[:, :start], axis=1)
    return replace(books, first=books.first + start, net=books.net[:, start:], opening=opening)


def _morning(books: Books, inflow: Array, day: int, with_prophet: Sequence[int]) -> CashRows:
    features = cash_features(books, inflow, day, with_prophet=with_prophet)
    came = books.ahead(day)
    known = np.flatnonzero((features[:, ROW.index("history_days")] >= min(YOUNG)) & np.isfinite(came).all(axis=1))
    return CashRows(features[known], came[known], np.full(len(known), day), known)


def _joined(parts: list[CashRows]) -> CashRows:
    names = ("features", "came", "day", "company")
    return CashRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def train_cash(rows: CashRows, *, seed: int = 7, trees: int = TREES) -> TrainedCash:
    """Train on mornings whose next days are known. Raises Refused when there are too few."""
    if len(rows.day) < MIN_ROWS:
        raise Refused(f"{len(rows.day)} mornings with 30 known days after them; {MIN_ROWS} are needed")
    rows = rows.take(np.lexsort((rows.company, rows.day)))
    ranking, day_errors, sum_errors = judged_errors(_backtest(rows, seed, trees), rows)
    booster = fit_booster(rows, seed, trees)
    sample = unrolled(rows.features[:: max(1, len(rows.features) // 60)])
    model = CashModel(lightgbm_graph(booster, sample), ranking, day_errors, sum_errors)
    gain = booster.feature_importance("gain")
    return TrainedCash(model, _importance(gain / max(float(gain.sum()), 1e-12)))


def _backtest(rows: CashRows, seed: int, trees: int) -> Array:
    """(n, methods, HORIZON) forecasts of every row; LightGBM's come from a model that saw none of the days around it.

    The mornings are cut into BLOCKS; a block is judged by a model of the others, a horizon away on both sides. So the
    errors are those of all seasons that the books hold, Tet among them.
    """
    edges = np.quantile(rows.day, np.linspace(0, 1, BLOCKS + 1))
    block = np.clip(np.searchsorted(edges, rows.day, side="right") - 1, 0, BLOCKS - 1)
    members = np.full((len(rows.day), len(METHODS), HORIZON), np.nan)
    blank = np.full((len(CLASSES), len(METHODS)), np.nan)
    for place in range(BLOCKS):
        mine = block == place
        begin, end = rows.day[mine].min(), rows.day[mine].max()
        others = (rows.day + HORIZON <= begin) | (rows.day >= end + HORIZON)
        if others.sum() < MIN_ROWS // 4:
            continue
        trial = fit_booster(rows.take(others), seed, trees)
        draft = CashModel(lightgbm_graph(trial, unrolled(rows.features[:20])), blank, np.empty(0), np.empty(0))
        members[mine] = CashScorer(draft).members(rows.features[mine])
    if np.isnan(members[:, METHODS.index("lightgbm")]).all():
        raise Refused("the mornings span too few days to judge some of them from others")
    return members


def fit_booster(rows: CashRows, seed: int, trees: int) -> Any:
    """LightGBM of the net cash of each day ahead, in units of the company's size."""
    import lightgbm

    settings = {
        "objective": "huber",
        "alpha": 2.0,
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": seed,
        **REPEATABLE,
    }
    target = (rows.came / rows.features[:, [_SCALE]]).ravel()
    return lightgbm.train(settings, lightgbm.Dataset(unrolled(rows.features), np.clip(target, -20, 20)), trees)


def judged_errors(members: Array, held: CashRows) -> tuple[Array, Array, Array]:
    """Ranking and error quantiles by class and method; a class without rows takes those of other days, then of all."""
    scale = held.features[:, [_SCALE]]
    group = classes_of(held.features)
    shape = (len(CLASSES), len(METHODS))
    ranking = np.full(shape, np.nan)
    day_errors, sum_errors = (np.full((*shape, HORIZON, len(LEVELS)), np.nan) for _ in range(2))
    for place in range(len(CLASSES)):
        for method in range(len(METHODS)):
            said = np.isfinite(members[:, method]).all(axis=1)
            mine = said & (group == place)
            alike = said & (group % 2 == place % 2)
            rows = next((some for some in (mine, alike) if some.sum() >= MIN_ROWS // 4), said)
            if not rows.any() or (METHODS[method] == "prophet" and not alike.any()):
                continue
            miss = (held.came[rows] - members[rows, method]) / scale[rows]
            ranking[place, method] = np.abs(miss).mean()
            if rows is not mine and place >= 2:
                miss = miss * UNSEEN_TET
            day_errors[place, method] = _quantiles(miss)
            sum_errors[place, method] = _quantiles(np.cumsum(miss, axis=1))
    return ranking, day_errors, sum_errors


def _quantiles(errors: Array) -> Array:
    """(HORIZON, levels) of errors (m, HORIZON), a little outside the sample's for the one new error (conformal)."""
    n = len(errors)
    levels = [min(max(0.5 + (level - 0.5) * (n + 1) / n, 0.0), 1.0) for level in LEVELS]
    return np.quantile(errors, levels, axis=0).T


def _importance(gain: Array) -> dict[str, float]:
    """Gains of LightGBM's columns as those of the schema: what it reads for every day is divided among the days."""
    from scoreops.sme.cash_features import AHEAD

    read = [name for name in AHEAD if name != "prophet"]
    begin = 4 + len(TOLD)
    made = dict.fromkeys(CASH_FEATURES.columns, 0.0)
    made["as_of_day"] = float(gain[:begin].sum())
    for place, name in enumerate(read):
        for step in range(1, HORIZON + 1):
            made[f"{name}_{step:02d}"] = float(gain[begin + place]) / HORIZON
    for place, name in enumerate((*ROW[1:4], "history_days")):
        made[name] = float(gain[begin + len(read) + place])
    return made
