"""The cash forecast: files of a trained model, a request, and what LightGBM and plain loops say of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from scoreops.sme import calendar
from scoreops.sme.cash import unrolled
from scoreops.sme.cash_features import CASH_FEATURES
from scoreops.sme.cash_training import cash_rows, fit_booster, train_cash
from tests.skew_sme import FIRST_DAY, SEED, invoices, transactions, with_gaps

DAYS = 220
UNTIL = FIRST_DAY + DAYS
TREES = 20
_COLUMNS = CASH_FEATURES.columns


def on_time(features):
    """Everybody pays on the due day."""
    return np.zeros(len(features))


@cache
def rows():
    """Mornings of four companies, in the order in which they are trained on."""
    made = cash_rows(transactions(orgs=4, days=DAYS), invoices(days=DAYS), on_time, until=UNTIL, prophets=1)
    return made.take(np.lexsort((made.company, made.day)))


def cash() -> tuple[Any, ...]:
    model = train_cash(rows(), seed=SEED, trees=TREES).model
    ranking = model.ranking.copy()
    ranking[:, 0], ranking[:2, 1] = 0.1, 0.05  # LightGBM is best everywhere; here all have their turn
    model = replace(model, ranking=ranking)
    booster = fit_booster(rows(), SEED, TREES)
    asked = with_gaps(rows().features)
    holes = np.isnan(asked[:, 7:]) & (np.arange(len(asked)) % 4 < 3)[:, None]
    asked[:, 7:][holes] = 1e5  # most rows have members without a gap
    asked[:, _COLUMNS.index("balance")] *= np.linspace(-0.5, 0.5, len(asked))
    boosted = booster.predict(unrolled(asked)).reshape(len(asked), 30) * asked[:, :1]
    made = [_answer(model, row, mine) for row, mine in zip(asked, boosted, strict=True)]
    expected = {name: np.array([answer[name] for answer in made]) for name in made[0]}
    return model.files(), rows().features, asked, expected


def _answer(model, row, boosted):
    scale, balance, history, begin = (row[_COLUMNS.index(n)] for n in ("scale", "balance", "history_days", "as_of_day"))
    members = [_ahead(row, "naive"), _ahead(row, "ets"), boosted, _ahead(row, "prophet")]
    days = (0 if np.isnan(begin) else int(begin)) + np.arange(30)
    near = any(-15 <= away <= 10 for away in calendar.from_tet(days))
    group = (1 if history >= 84 else 0) + 2 * near
    ranked = {place: model.ranking[group, place] for place, said in enumerate(members) if np.isfinite(said).all()}
    ranked = {place: value for place, value in ranked.items() if np.isfinite(value)}
    silent = not ranked or not history >= 14
    method = -1 if silent else min(ranked, key=lambda place: (ranked[place], place))
    net = np.full(30, np.nan) if silent else members[method]
    errors = [part[group, method] * scale for part in (model.day_errors, model.sum_errors)]
    sums = balance + np.cumsum(net)
    ends = sums[:, None] + errors[1]
    below = np.array([_share_below(levels) for levels in ends])
    return {
        "net": net,
        "net_low": np.minimum(net, net + errors[0][:, 1]),
        "net_high": np.maximum(net, net + errors[0][:, 17]),
        "balance": sums,
        "balance_low": np.minimum(sums, ends[:, 1]),
        "balance_high": np.maximum(sums, ends[:, 17]),
        "p_below_zero": below,
        "p_runout": np.max(below),
        "runout_day": next((step + 1.0 for step in range(30) if below[step] >= 0.5), np.nan),
        "method": method,
        "fallback": group % 2 == 0,
    }


def _ahead(row, name):
    return row[[_COLUMNS.index(f"{name}_{step:02d}") for step in range(1, 31)]]


def _share_below(ends):
    """How likely less than 0 is, by 19 quantiles from 5 to 95 %."""
    if np.isnan(ends).any():
        return np.nan
    if ends[0] >= 0:
        return 0.0
    if ends[-1] < 0:
        return 1.0
    at = int(np.searchsorted(ends, 0.0))
    return 0.05 * at + 0.05 * (0 - ends[at - 1]) / (ends[at] - ends[at - 1])
