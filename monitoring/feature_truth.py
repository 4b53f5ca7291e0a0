"""What the offline feature store says that an entity's features were at a time."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from feature_repo.views import JOIN_KEY, SERVICES, VIEWS
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound, NotReady

Array = NDArray[np.float64]
_TIME: Final = "event_timestamp"


class OfflineTruth:
    """The newest row of each view at or before a time, within the view's lifetime."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.offline_dir

    def rows(self, model: str, entities: list[str], as_of_us: NDArray[np.int64]) -> Array:
        """Features (n, d) in the order of the model's service, NaN where unknown. Raises NotFound, NotReady."""
        refs = SERVICES.get(model)
        if refs is None:
            raise NotFound(f"the feature store has no features for {model}")
        asked = pd.DataFrame({JOIN_KEY: entities, "at": pd.to_datetime(as_of_us, unit="us", utc=True)})
        asked = asked.reset_index(names="place").sort_values("at", kind="stable")
        made = np.full((len(entities), len(refs)), np.nan)
        for view in dict.fromkeys(ref.partition(":")[0] for ref in refs):
            columns = [column for column, ref in enumerate(refs) if ref.partition(":")[0] == view]
            names = [refs[column].partition(":")[2] for column in columns]
            found = pd.merge_asof(
                asked,
                self._view(view),
                left_on="at",
                right_on=_TIME,
                by=JOIN_KEY,
                tolerance=VIEWS[view].ttl,
            ).sort_values("place")
            made[:, columns] = found[names].to_numpy(np.float64)
        return made

    def _view(self, name: str) -> pd.DataFrame:
        file = self._folder / f"{name}.parquet"
        try:
            return _read(file, file.stat().st_mtime_ns)
        except OSError as error:
            raise NotReady(f"the offline store has no view {name} yet: {error}") from error


@lru_cache(8)
def _read(file: Path, _changed_ns: int) -> pd.DataFrame:
    frame = pq.read_table(file).to_pandas().drop(columns=["created"], errors="ignore")
    frame[_TIME] = pd.to_datetime(frame[_TIME], utc=True).astype("datetime64[us, UTC]")
    made: pd.DataFrame = frame.sort_values(_TIME, kind="stable")
    return made
