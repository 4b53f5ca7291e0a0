"""One LightGBM model over many daily series: each is forecast from its own past in units of its own size."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.boosting import REPEATABLE
from scoreops.core.errors import Refused
from scoreops.sme import calendar, forecasting
from scoreops.sme.asof import mean

Array = NDArray[np.float64]

EVERY: Final = 14
"""Days between the origins that are learnt from."""
FIRST: Final = 200
"""Days of history before the first of them."""
TREES: Final = 200
WEEKS: Final = (2, 4, 8, 16, 26)
YEAR: Final = 364


def pooled_forecast(history: Array, end: int, horizon: int, *, seed: int = 7, trees: int = TREES) -> Array:
    """(n, horizon) forecasts of histories (n, t); `end` is the number of the day after the last one.

    Learns from the same histories at earlier origins whose `horizon` days are known. Raises Refused below FIRST days.
    """
    days = history.shape[1]
    origins = range(days - horizon, FIRST - 1, -EVERY)
    if not origins:
        raise Refused(f"{days} days of history; {FIRST + horizon} are needed")
    parts, targets = [], []
    for origin in origins:
        rows, scale = _rows(history[:, :origin], end - days + origin, horizon)
        parts.append(rows)
        targets.append((history[:, origin : origin + horizon] / scale).ravel())
    booster = _fit(np.concatenate(parts), np.concatenate(targets), seed, trees)
    asked, scale = _rows(history, end, horizon)
    return np.asarray(booster.predict(asked, num_threads=1).reshape(len(history), horizon) * scale)


def _rows(history: Array, end: int, horizon: int) -> tuple[Array, Array]:
    """(n * horizon, k) columns of each series and day ahead, and the size (n, 1) of each series."""
    n, days = history.shape
    scale = np.maximum(np.nan_to_num(mean(np.abs(history[:, -56:]))), 1e-9)[:, None]
    year = forecasting.same_day_of_year(history, horizon)
    around = history[:, max(0, days - YEAR - 28) : max(1, days - YEAR + 28)]
    level = mean(around)[:, None] if days > YEAR + 28 else np.full((n, 1), np.nan)
    ahead = end + np.arange(horizon)
    months, day, _ = calendar.month_parts(ahead)
    dates = ahead.astype("datetime64[D]")
    of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    centre = mean(history[:, -56:])[:, None]
    wide = [forecasting.same_weekday(history, horizon, weeks) / scale for weeks in WEEKS]
    wide += [forecasting.ets(history, horizon) / scale, year / scale, year / np.where(level == 0, np.nan, level)]
    rows = [mean(history[:, -last:])[:, None] / scale for last in (7, 28, 91)]
    rows.append(np.sqrt(mean((history[:, -56:] - centre) ** 2))[:, None] / scale)
    columns = [np.arange(horizon), calendar.weekday(ahead), day, of_year, months]
    shaped = [np.broadcast_to(np.asarray(part, dtype=np.float64), (n, horizon)) for part in (*wide, *rows, *columns)]
    return np.stack(shaped, axis=2).reshape(n * horizon, -1), scale


def _fit(rows: Array, target: Array, seed: int, trees: int) -> Any:
    import lightgbm

    settings = {
        "objective": "l1",
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": seed,
        **REPEATABLE,
    }
    return lightgbm.train(settings, lightgbm.Dataset(rows, target), trees)
