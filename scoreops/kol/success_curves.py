"""Prophet's part of the success forecast: expected totals of a platform by hour, worked out before anybody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.kol.success_features import PLATFORMS, TARGETS, WEEK

Array = NDArray[np.float64]
Hours = NDArray[np.int64]

_INDICES: Final = np.arange(len(PLATFORMS))


@dataclass(frozen=True)
class Curve:
    """Expected total of one metric on one platform in each hour from `start` on."""

    start: int
    values: Array

    def total(self, hours: Hours, horizon: int) -> Array:
        """Sum over [hour, hour + horizon) for each hour; outside the curve its last, or first, week repeats."""
        wanted = hours[:, None] + np.arange(horizon)[None, :] - self.start
        return np.asarray(self.values[_folded(wanted, len(self.values))].sum(axis=1))


class Curves:
    """All curves, by "platform index/metric", as one table of totals: no sum is left to a request."""

    def __init__(self, curves: Mapping[str, Curve]) -> None:
        first = min((curve.start for curve in curves.values()), default=0)
        stop = max((curve.start + len(curve.values) for curve in curves.values()), default=0)
        self._first, hours = first - WEEK, np.arange(first - WEEK, stop + WEEK)  # so that the first and last repeat
        self._totals = np.zeros((len(PLATFORMS) + 1, len(hours), len(TARGETS)))
        for index in range(len(PLATFORMS)):
            for place, target in enumerate(TARGETS):
                metric, horizon = target.removesuffix("h").rsplit("_", 1)
                if (curve := curves.get(f"{index}/{metric}")) is not None:
                    self._totals[index, :, place] = curve.total(hours, int(horizon))

    def totals(self, platform: Array, hours: Hours) -> Array:
        """(n, 6) by TARGETS from each hour on; 0 for a platform without curves."""
        known = platform[:, None] == _INDICES
        index = np.where(known.any(axis=1), known.argmax(axis=1), len(PLATFORMS))
        return np.asarray(self._totals[index, _folded(hours - self._first, self._totals.shape[1])])


def _folded(places: Hours, size: int) -> Hours:
    """Places in a series of `size` hours whose first week repeats before it, and whose last one after it."""
    week = min(size, WEEK)
    late = size - week + (places - size) % week
    return np.where(places < 0, places % week, np.where(places >= size, late, places))


def curve_of(text: str, stop: int) -> Curve:
    """The curve of a fitted Prophet from the first hour it saw up to `stop`, never below 0."""
    import pandas as pd
    from prophet.serialize import model_from_json

    model = model_from_json(text)
    first = int(model.start.value // 3_600_000_000_000)
    frame = pd.DataFrame({"ds": pd.to_datetime(np.arange(first, stop) * 3600, unit="s")})
    model.uncertainty_samples = 0
    return Curve(first, np.maximum(model.predict(frame)["yhat"].to_numpy(), 0))
