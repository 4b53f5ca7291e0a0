"""One registered score asked about the end of a day; its answers go to the lake, in place of those of that day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import duckdb

from feature_repo.sme import predict_cash, predict_late, predict_odd
from feature_repo.sme.bronze import open_bronze
from feature_repo.sme.predictions import Served, champions, write
from feature_repo.sme.warehouse import reading
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.sme.predictions import CASH, FLOOR, LATE, ODD

Say = Callable[[duckdb.DuckDBPyConnection, Mapping[str, Served], date], Mapping[str, Any]]
Floor = Callable[[duckdb.DuckDBPyConnection, date], Mapping[str, Any]]
NOBODY: Final = "nobody"
"""The version of what is not said."""


@dataclass(frozen=True)
class Said:
    """How many rows a version wrote to which table of predictions; `lacking` names scores that had no champion."""

    table: str
    rows: int
    version: str
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """How a score predicts for people: its table, the scores that it asks, and how rows come from the warehouse.

    `floor` says the same without any of them, while one has no champion; None: nothing is said.
    """

    table: str
    scores: tuple[str, ...]
    say: Say
    floor: Floor | None = None


SAY: Final[Mapping[str, Asked]] = {
    "late-payment": Asked(LATE, ("late-payment",), predict_late.say),
    "cash-flow": Asked(CASH, ("cash-flow", "late-payment"), predict_cash.say, predict_cash.floor),
    "sme-anomaly": Asked(ODD, ("sme-anomaly",), predict_odd.say),
}


def predict(settings: Settings, score: str, as_of: date) -> Said:
    """Ask the champion of `score`; without one its floor answers, or nobody, and the day's rows are replaced by none.

    Raises Unsupported for another score, NotReady when the registry does not answer.
    """
    if score not in SAY:
        raise Unsupported(f"{score!r} is not one of {', '.join(SAY)}")
    asked = SAY[score]
    registry = Registry(settings.mlflow_url)
    try:
        served = champions(registry, asked.scores)
    finally:
        registry.close()
    lacking = tuple(name for name in asked.scores if name not in served)
    with reading(settings) as db:
        if not lacking:
            version, rows = served[score].version, asked.say(db, served, as_of)
        elif asked.floor:
            version, rows = FLOOR, asked.floor(db, as_of)
        else:
            version, rows = NOBODY, {}
    written = write(open_bronze(settings.lake_dir), asked.table, as_of, rows)
    return Said(asked.table, written, version, lacking)
