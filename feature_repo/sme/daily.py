"""One day from delivered files to gold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from feature_repo.sme.bronze import Loaded, days_in, load_days, open_bronze
from feature_repo.sme.warehouse import Built, build, follow_lake
from scoreops.adapters.settings import Settings


@dataclass(frozen=True)
class Day:
    """What a day brought: its files line by line accounted for, and what dbt built and tested."""

    files: list[Loaded]
    built: Built


def load_and_build(
    settings: Settings, landing: Path, as_of: date, *, full_refresh: bool = False, tests: bool = True
) -> Day:
    """Load every file delivered up to `as_of` and build. Doing it again changes nothing."""
    lake = open_bronze(settings.lake_dir)
    files = load_days(lake, landing, [day for day in days_in(landing) if day <= as_of])
    follow_lake(settings)
    return Day(files, build(settings, as_of, full_refresh=full_refresh, tests=tests))
