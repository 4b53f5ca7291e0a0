"""Predictions in the lake: what the registered scores say of a day, one table each; a day written again is replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa

from scoreops.adapters.lake import Lake, equal
from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.catalog import score as catalogued
from scoreops.core.errors import NotFound
from scoreops.core.recipe import Scorer
from scoreops.sme.predictions import PREDICTIONS

AS_OF: Final = "as_of"


@dataclass(frozen=True)
class Served:
    """A registered version, loaded."""

    name: str
    version: str
    scorer: Scorer


def champions(registry: Registry, names: Iterable[str]) -> dict[str, Served]:
    """The versions of some scores that are to answer; a score without a champion is left out."""
    found = {}
    for name in names:
        try:
            version, files = registry.fetch(name, CHAMPION)
        except NotFound:
            continue
        found[name] = Served(name, f"{name}/{version.number}", catalogued(name).load(files))
    return found


def table_of(name: str) -> str:
    """Of the lake, behind a table of predictions."""
    return f"predictions_{name}"


def write(lake: Lake, name: str, as_of: date, rows: Mapping[str, Any]) -> int:
    """Put the rows of a day, or none, in place of what was said of it before. Returns how many."""
    schema = PREDICTIONS[name]
    count = len(rows["org_id"]) if rows else 0
    made = datetime.combine(as_of, datetime.max.time(), UTC)
    columns = {**rows, AS_OF: [as_of] * count, "made_at": [made] * count}
    table = pa.table({field.name: pa.array(columns.get(field.name, []), field.type) for field in schema}, schema=schema)
    lake.ensure(table_of(name), schema, AS_OF, by="month")
    lake.replace_where(table_of(name), equal(AS_OF, as_of.isoformat()), table)
    return count


def frame(db: duckdb.DuckDBPyConnection, query: str, *values: object) -> pd.DataFrame:
    """Rows of a query of the warehouse."""
    found: pd.DataFrame = db.execute(query, list(values)).df()
    return found
