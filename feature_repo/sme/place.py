"""Whether everything is there that a night's run needs, before anything is touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from feature_repo.sme.bronze import days_in
from feature_repo.sme.warehouse import warehouse_file
from scoreops.adapters.lake import Lake
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.core.errors import ScoreOpsError

FREE_BYTES: Final = 500 * 2**20


def missing(settings: Settings, as_of: date, landing: Path | None, *, predict: bool) -> list[str]:
    """What lacks, a sentence each with what to do. `landing` None: files are not asked for, gold must be there.

    A score without a champion is none of it: its step says so and leaves the others alone.
    """
    return [*_stores(settings), *_input(settings, as_of, landing), *_registry(settings, asked=predict)]


def _stores(settings: Settings) -> Iterator[str]:
    if find_spec("dbt.adapters.duckdb") is None:
        yield "dbt with its DuckDB adapter is not installed: make setup"
    settings.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.root).free
    if free < FREE_BYTES:
        yield f"{settings.root} has {free / 2**20:.0f} MiB free, {FREE_BYTES / 2**20:.0f} are needed"
    try:
        Lake(settings.lake_dir).tables()
    except Exception as error:  # noqa: BLE001 - whatever keeps the catalogue from answering is what is to be said
        yield f"the lake in {settings.lake_dir} does not answer: {error}"


def _input(settings: Settings, as_of: date, landing: Path | None) -> Iterator[str]:
    if landing is None:
        if not warehouse_file(settings).exists():
            yield "nothing has been built yet: run sme_daily_etl or `scoreops sme build`"
        return
    try:
        days = days_in(landing)
    except ScoreOpsError as error:
        yield str(error)
        return
    if as_of not in days:
        yield f"nothing was delivered for {as_of}: {landing / as_of.isoformat()} is not there"


def _registry(settings: Settings, *, asked: bool) -> Iterator[str]:
    if not asked:
        return
    registry = Registry(settings.mlflow_url, timeout_s=10)
    try:
        registry.names()
    except ScoreOpsError as error:
        yield f"the registry has no answer: {str(error).partition(chr(10))[0]}"
    finally:
        registry.close()
