"""Intervals from held-out errors: split conformal prediction with errors scaled by the size of the forecast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Lower and upper quantiles of (y - f) / scale(f), scale(f) = (f + offset) ** power.

    With arrays it is many bands at once, broadcast against the forecasts.
    """

    low: float | Array
    high: float | Array
    offset: float | Array
    power: float | Array

    def __call__(self, forecast: Array) -> tuple[Array, Array]:
        """Lower and upper end for each forecast >= 0; never below 0."""
        scale = (np.maximum(forecast, 0) + self.offset) ** self.power
        return np.maximum(forecast + self.low * scale, 0), np.maximum(forecast + self.high * scale, 0)


@dataclass(frozen=True)
class Median:
    """The median outcome by forecast: straight lines between knots, beyond the last one in proportion to it."""

    knots: tuple[float, ...]
    values: tuple[float, ...]

    @cached_property
    def _lines(self) -> tuple[Array, Array]:
        return np.array(self.knots), np.array(self.values)

    def __call__(self, forecast: Array) -> Array:
        """The median for each forecast >= 0."""
        inside = np.interp(forecast, *self._lines)
        beyond = forecast * self.values[-1] / max(self.knots[-1], 1e-12)
        return np.where(forecast > self.knots[-1], beyond, inside)


def fit_median(actual: Array, forecast: Array, *, bins: int = 20) -> Median:
    """Medians of held-out outcomes in equal-mass bins of their forecasts, never falling.

    A mean forecast of half an order stands for "mostly none": where errors count in absolute terms the median is the
    better single number.
    """
    parts = [part for part in np.array_split(np.argsort(forecast, kind="stable"), bins) if len(part)]
    knots = np.array([np.mean(forecast[part]) for part in parts])
    values = np.maximum.accumulate([np.median(actual[part]) for part in parts])
    unique = np.concatenate([np.diff(knots) > 0, [True]])
    return Median(tuple(knots[unique].tolist()), tuple(values[unique].tolist()))


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
