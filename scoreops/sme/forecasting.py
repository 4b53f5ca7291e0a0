"""Forecasts of many daily series at once, each from its own past: seasonal means, exponential smoothing, Prophet.

A history is (n, t), newest day last; days before a series began are NaN. A forecast is (n, horizon), first day first.
"""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.sme import calendar
from scoreops.sme.asof import mean

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEK: Final = 7
ALPHAS: Final = (0.01, 0.03, 0.07, 0.15, 0.3)
GAMMAS: Final = (0.01, 0.03, 0.07, 0.15)
"""Smoothing of the level and of the weekdays that are tried."""
TREND_DAYS: Final = 180
"""Days below which Prophet's trend is flat: a line through a few weeks leads anywhere."""
_BURN: Final = 4 * WEEK
"""First days whose errors don't count when a smoothing is chosen."""


def same_weekday(history: Array, horizon: int, weeks: int) -> Array:
    """Mean of the last `weeks` values of the same weekday; NaN where none is known."""
    short = max(0, weeks * WEEK - history.shape[1])
    last = np.pad(history, ((0, 0), (short, 0)), constant_values=np.nan)[:, -weeks * WEEK :]
    cycle = mean(last.reshape(len(history), weeks, WEEK).transpose(0, 2, 1).reshape(-1, weeks)).reshape(-1, WEEK)
    return np.asarray(cycle[:, np.arange(horizon) % WEEK])


def same_month_day(history: Array, end: int, horizon: int, months: int) -> Array:
    """Mean of what the same day of earlier months brought, each moved to the next open day; `end` is day 0's number."""
    ahead = calendar.next_open(end + np.arange(horizon))
    moved = calendar.is_off(end + np.arange(horizon))
    _, day, _ = calendar.month_parts(end + np.arange(horizon))
    found = []
    for back in range(1, months + 1):
        month = (end + np.arange(horizon)).astype("datetime64[D]").astype("datetime64[M]") - back
        length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
        start = month.astype("datetime64[D]").astype(np.int64)
        then = calendar.next_open(start + np.minimum(day, length) - 1)
        found.append(_on(history, then - end))
    made = mean(np.stack(found, axis=2).reshape(-1, months)).reshape(len(history), horizon)
    first = np.concatenate([[True], np.diff(ahead) != 0])
    return np.where(moved & ~first, 0.0, made)


def same_day_of_year(history: Array, horizon: int) -> Array:
    """Mean of the three days around the same weekday 52 weeks ago; NaN where they are not known."""
    around = [_on(history, np.arange(horizon) - 52 * WEEK + step) for step in (-1, 0, 1)]
    return np.asarray(sum(around) / 3)


def _on(history: Array, offset: Ints) -> Array:
    """(n, len(offset)) values `offset` days from day 0, which is the day after the history; NaN outside it."""
    places = history.shape[1] + offset
    inside = (places >= 0) & (places < history.shape[1])
    return np.where(inside, history[:, np.where(inside, places, 0)], np.nan)


def ets(history: Array, horizon: int) -> Array:
    """Exponential smoothing with a level and additive weekdays, no trend: ETS(A,N,A) of Hyndman et al. 2008.

    Of ALPHAS x GAMMAS each series takes the pair with the smallest mean absolute one-day error. Missing days are
    skipped. All series and pairs are smoothed side by side.
    """
    n, t = history.shape
    alpha, gamma = (grid.ravel()[:, None] for grid in np.meshgrid(ALPHAS, GAMMAS, indexing="ij"))
    known = ~np.isnan(history)
    begin = np.where(known.any(axis=1), known.argmax(axis=1), t)
    early = (np.arange(t) >= begin[:, None]) & (np.arange(t) < begin[:, None] + 4 * WEEK)
    start = np.where(early, history, np.nan)
    level = np.broadcast_to(np.nan_to_num(mean(start)), (len(alpha), n)).copy()
    season = np.empty((WEEK, len(alpha), n))
    for day in range(WEEK):
        season[day] = np.nan_to_num(mean(start[:, day::WEEK])) - level
    error, count = np.zeros((len(alpha), n)), np.maximum((known.cumsum(axis=1) > _BURN).sum(axis=1), 1)
    filled = np.nan_to_num(history)
    counted = known & (known.cumsum(axis=1) > _BURN)
    for place in range(t):
        here = season[place % WEEK]
        miss = np.where(known[:, place], filled[:, place] - level - here, 0.0)
        error += np.abs(miss) * counted[:, place]
        level += alpha * miss
        season[place % WEEK] = here + gamma * (1 - alpha) * miss
    best = (error / count).argmin(axis=0)
    rows = np.arange(n)
    return np.stack([level[best, rows] + season[(t + step) % WEEK, best, rows] for step in range(horizon)], axis=1)


def prophet(series: Array, end: int, horizon: int) -> Array:
    """(horizon,) Prophet's forecast of one series (t,); Vietnam's holidays, paydays and month ends are regressors."""
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    logging.getLogger("prophet").setLevel(logging.CRITICAL)  # where one optimiser gives up, the next one takes over
    known = np.flatnonzero(~np.isnan(series))
    first = end - len(series)
    days = np.arange(first, end + horizon)
    frame = pd.DataFrame(calendar.regressors(days), columns=list(calendar.REGRESSORS))
    frame["ds"] = pd.to_datetime(days, unit="D")
    scale = float(np.abs(series[known]).mean()) or 1.0
    frame["y"] = np.concatenate([series / scale, np.full(horizon, np.nan)])
    model = Prophet(
        growth="linear" if len(known) >= TREND_DAYS else "flat",
        n_changepoints=10,
        weekly_seasonality=3,
        yearly_seasonality=6 if len(known) >= 365 else False,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    for name in calendar.REGRESSORS:
        model.add_regressor(name, standardize=False)
    model.fit(frame.iloc[known])
    return np.asarray(model.predict(frame.iloc[len(series) :])["yhat"].to_numpy() * scale)
