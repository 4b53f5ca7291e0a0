"""The hourly features of the newest hour into the online store, from the lake, as training will see them later."""

from __future__ import annotations

from typing import Final

import numpy as np

from feature_repo.lake_writer import lake_span, lake_tiles, open_lake
from feature_repo.offline import hourly_table
from feature_repo.views import JOIN_KEY, PROJECT, SUCCESS_VIEW, TRUST_VIEW
from scoreops.adapters.online_store import OnlineStore, connect
from scoreops.adapters.settings import Settings
from scoreops.kol.hours import HourCube, hour_cube

HOURS: Final = 169
"""A week of history and one hour: what the hourly features look back to."""
KOLS_KEY: Final = f"{PROJECT}:kols"
"""Hash of every KOL's platform."""


class Materialiser:
    """Writes each hour once; to write one again does no harm."""

    def __init__(self, settings: Settings) -> None:
        self._lake = open_lake(settings)
        self._client = connect(settings.redis_url)
        self._store = OnlineStore(self._client, JOIN_KEY, PROJECT)
        self.hour = 0
        """The newest hour that was written by this process."""

    def step(self) -> bool:
        """Write the hour that the lake has reached, unless it was written. Returns whether it wrote."""
        stop = lake_span(self._lake)[1]
        if stop - 1 <= self.hour:
            return False
        self.write(stop - 1)
        return True

    def write(self, hour: int) -> int:
        """Write the features at the beginning of `hour`, from the hours before it. Returns the number of KOLs."""
        cube = self.history(hour)
        for view in (TRUST_VIEW, SUCCESS_VIEW):
            table = hourly_table(view, cube, np.array([hour], dtype=np.int64))
            self._store.write(view.name, table.drop_columns(["created"]))
        if cube.kols:
            self._client.hset(KOLS_KEY, mapping=dict(zip(cube.kols, cube.platforms, strict=True)))
        self.hour = hour
        return len(cube.kols)

    def history(self, hour: int) -> HourCube:
        """The week before `hour`."""
        return hour_cube(lake_tiles(self._lake, hour - HOURS - 48, hour), hour - HOURS, hour)
