"""Intervals from held-out errors: split conformal prediction with errors scaled by the size of the forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Lower and upper quantiles of (y - f) / scale(f), scale(f) = (f + offset) ** power."""

    low: float
    high: float
    offset: float
    power: float

    def __call__(self, forecast: Array) -> tuple[Array, Array]:
        """Lower and upper end for each forecast >= 0; never below 0."""
        scale = (np.maximum(forecast, 0) + self.offset) ** self.power
        return np.maximum(forecast + self.low * scale, 0), np.maximum(forecast + self.high * scale, 0)


def fit_band(actual: Array, forecast: Array, *, level: float, offset: float = 1.0, power: float = 0.75) -> Band:
    """The band that holds `level` of future values when errors keep their distribution.

    Fit it on errors of forecasts that did not see these values. Raises BadInput below 20 of them.
    """
    if len(actual) < 20:
        raise BadInput(f"{len(actual)} held-out errors; 20 are needed for an interval")
    scaled = (actual - forecast) / (np.maximum(forecast, 0) + offset) ** power
    n, tail = len(scaled), (1 - level) / 2
    low = np.quantile(scaled, max(0.0, np.floor((n + 1) * tail) / n), method="lower")
    high = np.quantile(scaled, min(1.0, np.ceil((n + 1) * (1 - tail)) / n), method="higher")
    return Band(float(low), float(high), offset, power)
