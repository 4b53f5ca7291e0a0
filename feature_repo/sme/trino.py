"""The same bronze for Trino: what the lake holds, copied into tables of its memory connector."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from trino.dbapi import Connection, connect

from feature_repo.sme.warehouse import sources
from scoreops.adapters.lake import Lake
from scoreops.adapters.settings import Settings

CATALOG: Final = "memory"
SCHEMAS: Final = ("bronze", "predictions", "external", "silver", "gold", "seeds")
_BATCH_CHARACTERS: Final = 600_000
"""Trino refuses a query of more than a million characters."""


def trino_environment(settings: Settings) -> dict[str, str]:
    """What dbt's target `trino` reads."""
    return {
        "DBT_SME_WAREHOUSE": "unused",
        "DBT_SME_TRINO_HOST": settings.host,
        "DBT_SME_TRINO_PORT": str(settings.trino_port),
        "DBT_SME_TRINO_CATALOG": CATALOG,
    }


def connected(settings: Settings) -> Connection:
    """A connection to the running server."""
    return connect(host=settings.host, port=settings.trino_port, user="scoreops", catalog=CATALOG, http_scheme="http")


def copy_bronze(lake: Lake, settings: Settings) -> dict[str, int]:
    """Make every source of the project in Trino anew. Returns the rows of each."""
    made = {}
    with connected(settings) as trino:
        for schema in SCHEMAS:
            _run(trino, f"create schema if not exists {schema}")
        for name, (files, schema) in sources(lake).items():
            rows = ds.dataset(files, format="parquet").to_table(schema.names) if files else schema.empty_table()
            columns = ", ".join(f'"{field.name}" {_type(field.type)}' for field in schema)
            _run(trino, f"drop table if exists {name}")
            _run(trino, f"create table {name} ({columns})")
            for values in _batches(rows, schema):
                _run(trino, f"insert into {name} values {values}")  # noqa: S608 - literals of our own
            made[name] = rows.num_rows
    return made


def _run(trino: Connection, sql: str) -> None:
    trino.cursor().execute(sql).fetchall()


def _type(arrow: pa.DataType) -> str:
    if pa.types.is_timestamp(arrow):
        return "timestamp(6) with time zone"
    known = {"string": "varchar", "int64": "bigint", "int32": "integer", "double": "double", "bool": "boolean"}
    return known.get(str(arrow), "date" if pa.types.is_date(arrow) else "varbinary")


def _batches(rows: pa.Table, schema: pa.Schema) -> Iterator[str]:
    """Rows as lists of SQL values, each within what one query may hold."""
    batch: list[str] = []
    size = 0
    for row in zip(*(rows[name].to_pylist() for name in schema.names), strict=True):
        line = f"({', '.join(map(_literal, row))})"
        batch.append(line)
        size += len(line)
        if size > _BATCH_CHARACTERS:
            yield ", ".join(batch)
            batch, size = [], 0
    if batch:
        yield ", ".join(batch)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return f"double '{value!r}'"
    if isinstance(value, datetime):
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f} UTC'"
    if isinstance(value, date):
        return f"date '{value}'"
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"
