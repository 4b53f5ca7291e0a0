"""One registered score asked about the end of a day; its answers go to the lake, in place of those of that day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import duckdb

from feature_repo.sme import predict_late, predict_odd
from feature_repo.sme.bronze import open_bronze
from feature_repo.sme.predictions import Served, champion, write
from feature_repo.sme.warehouse import reading
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.sme.predictions import LATE, ODD

Say = Callable[[duckdb.DuckDBPyConnection, Served, date], Mapping[str, Any]]


@dataclass(frozen=True)
class Said:
    """How many rows a version wrote to which table of predictions."""

    table: str
    rows: int
    version: str


SAY: Final[Mapping[str, tuple[str, Say]]] = {
    "late-payment": (LATE, predict_late.say),
    "sme-anomaly": (ODD, predict_odd.say),
}
"""Of each score that predicts for people: its table, and how its rows come from the warehouse."""


def predict(settings: Settings, score: str, as_of: date) -> Said:
    """Ask the champion of `score`. Raises Unsupported for another score, NotReady when nothing is registered."""
    if score not in SAY:
        raise Unsupported(f"{score!r} is not one of {', '.join(SAY)}")
    registry = Registry(settings.mlflow_url)
    try:
        served = champion(registry, score)
    finally:
        registry.close()
    table, say = SAY[score]
    with reading(settings) as db:
        rows = say(db, served, as_of)
    return Said(table, write(open_bronze(settings.lake_dir), table, as_of, rows), served.version)
