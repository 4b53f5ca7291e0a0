"""What the KOL scores share: their history, the population of today, and whether stored features saw the future."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from feature_repo.frames import Known
from feature_repo.lake_writer import lake_span, lake_tiles, open_lake
from feature_repo.offline import hourly_table
from feature_repo.training import training_rows
from feature_repo.views import LAG_VIEW, SERVICES, VIEWS, View
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Refused
from scoreops.core.verdict import Verdict, holds
from scoreops.kol.hours import HourCube, hour_cube, hours_of
from scoreops.kol.tiles import HOUR_US
from scoreops.kol.trust_features import MIN_HOURS

MOST_DAYS: Final = 60
"""History that training looks at."""
POPULATION_HOURS: Final = 24
SAMPLED_AT: Final = np.array([0.5, 0.9])
"""Where in the history, as shares of its hours, features are computed again."""
LATE_SHARE: Final = 0.03


def history(settings: Settings, until: int) -> HourCube:
    """The cube of everything before the hour `until`, at most MOST_DAYS of it."""
    lake = open_lake(settings)
    first, last = lake_span(lake)
    start = max(first, until - MOST_DAYS * 24)
    if until > last or until - start < MIN_HOURS:
        raise Refused(f"the lake holds the hours {first} to {last}; that is too little to train until {until}")
    return hour_cube(lake_tiles(lake, start, until), start, until)


def outcomes(folder: Path) -> pd.DataFrame:
    """What became of each KOL and hour, as the step `features` has left it."""
    return pd.read_parquet(folder / "outcomes.parquet")


def population(service: str, known: Known) -> pd.DataFrame:
    """The features of every KOL, once each, at an hour of the last day that a hash chooses: what drift is judged on.

    One row a KOL keeps the rows apart from each other; the spread over the day keeps its rhythm out.
    """
    platforms = platforms_of(outcomes(known.folder))
    back = [zlib.crc32(f"{kol}/hour".encode()) % POPULATION_HOURS for kol in platforms]
    at = pd.to_datetime([(known.until - hours) * HOUR_US for hours in back], unit="us", utc=True)
    return training_rows(pd.DataFrame({"kol_id": list(platforms), "event_timestamp": at}), service, known.settings)


def platforms_of(known: pd.DataFrame) -> dict[str, str]:
    """The platform of each KOL, by id."""
    return dict(known.drop_duplicates("kol_id").sort_values("kol_id")[["kol_id", "platform"]].to_numpy().tolist())


def leakage(service: str, known: Known) -> list[Verdict]:
    """Stored features are what the events before their hour give, and were not stamped before they could be known.

    Some hours are computed again from a history that ends where they begin: a feature that saw the future differs.
    """
    settings, views = known.settings, sorted({ref.partition(":")[0] for ref in SERVICES[service]})
    verdicts = []
    for name in views:
        file = settings.offline_dir / f"{name}.parquet"
        if file.exists():
            lag = name == LAG_VIEW.name
            verdicts.append(_lag(settings) if lag else _recomputed(settings, VIEWS[name], known.until))
    return verdicts


def _recomputed(settings: Settings, view: View, until: int) -> Verdict:
    stored = pq.read_table(settings.offline_dir / f"{view.name}.parquet").to_pandas()
    hours = hours_of(stored)
    known = np.unique(hours[hours < until])
    if not len(known):
        return holds(f"leakage_{view.name}", False, 0, f"{view.name} holds no hour before {until}")
    sample, wrong, n = known[(len(known) * SAMPLED_AT).astype(int)], [], 0
    cube = history(settings, int(sample[-1]))
    for hour in sample:
        fresh = hourly_table(view, cube.slice(cube.start, int(hour)), np.array([hour])).to_pandas().set_index("kol_id")
        kept = stored[hours == hour].set_index("kol_id").reindex(fresh.index)
        n += len(fresh)
        wrong += [name for name in view.features if not _alike(fresh[name], kept[name])]
    named = ", ".join(sorted(set(wrong))[:5])
    words = f"differs from what was known at its hour: {named}" if wrong else "equals what was known at its hour"
    return holds(f"leakage_{view.name}", bool(n) and not wrong, n, f"{view.name} {words}")


def _alike(fresh: pd.Series[float], kept: pd.Series[float]) -> bool:
    """Equal but for what events that came late have changed since: so many of the KOLs, and little of the rest."""
    same = np.isclose(fresh.to_numpy(np.float64), kept.to_numpy(np.float64), rtol=0.01, atol=0.01, equal_nan=True)
    return bool(same.mean() >= 1 - LATE_SHARE)


def _lag(settings: Settings) -> Verdict:
    table = pq.read_table(settings.offline_dir / f"{LAG_VIEW.name}.parquet", columns=["event_timestamp", "scored_at"])
    if not len(table):
        return holds("trust_score_t_1", True, 0, "no score of an earlier hour is fed to the forecast")
    early = int((table["scored_at"].to_numpy() >= table["event_timestamp"].to_numpy()).sum())
    return holds("trust_score_t_1", not early, len(table), f"{early} scores are not older than the hour they stand at")
