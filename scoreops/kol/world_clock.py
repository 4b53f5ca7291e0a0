"""Hours of the generated world and how lively they are in Vietnam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoreops.kol.world_cast import Floats, Ints

HOUR_US: Final = 3_600_000_000
_VIETNAM: Final = 7
_BY_HOUR: Final = np.array(
    [
        *(0.35, 0.2, 0.12, 0.1, 0.12, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0, 1.25),
        *(1.35, 1.15, 0.95, 0.95, 1.0, 1.1, 1.3, 1.65, 2.05, 2.1, 1.6, 0.85),
    ]
)
_BY_WEEKDAY: Final = np.array([0.92, 0.93, 0.95, 0.97, 1.05, 1.12, 1.06])


@dataclass(frozen=True)
class Clock:
    """The hours [start, stop) of the world, counted from the epoch in UTC."""

    start: int
    stop: int

    @property
    def hours(self) -> int:
        """How many there are."""
        return self.stop - self.start

    def mood(self, hour: Ints) -> Floats:
        """Activity in each hour, mean 1 over a week: evenings and weekends of local time are busiest."""
        local = hour + _VIETNAM
        weekday = (local // 24 + 3) % 7  # 1970-01-01 was a Thursday
        by_hour: Floats = _BY_HOUR[local % 24] / _BY_HOUR.mean()
        return np.asarray(by_hour * (_BY_WEEKDAY / _BY_WEEKDAY.mean())[weekday])

    def all_hours(self) -> Ints:
        """Every hour of the world."""
        return np.arange(self.start, self.stop)
