"""The lake: Iceberg tables on local files with a SQLite catalogue, partitioned by event time, mostly by its hour.

A commit is atomic and can carry properties, such as the offsets that its rows came from: what was written and how far
it was read can never disagree.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThan, Or
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.table import Table
from pyiceberg.transforms import HourTransform, MonthTransform

from scoreops.core.errors import NotFound

NAMESPACE: Final = "scoreops"


class Lake:
    """The tables in one folder. Readers and one writer of each table may work at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        with self._alone():
            self._catalog = SqlCatalog(
                NAMESPACE,
                uri=f"sqlite:///{folder}/catalogue.db",
                warehouse=f"file://{folder}",
                init_catalog_tables="true",
            )
            self._catalog.create_namespace_if_not_exists(NAMESPACE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time makes what is missing: the catalogue looks first and makes then."""
        try:
            turn = (self._folder / ".making").open("a")
        except OSError:  # who may only read makes nothing
            yield
            return
        with turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def ensure(self, name: str, schema: pa.Schema, time_column: str, by: Literal["hour", "month"] = "hour") -> None:
        """Create a table partitioned by the hour or month of `time_column`, if it is not there yet."""
        identifier = f"{NAMESPACE}.{name}"
        if self._catalog.table_exists(identifier):
            return
        with self._alone():
            if not self._catalog.table_exists(identifier):
                self._create(identifier, schema, time_column, by)

    def _create(self, identifier: str, schema: pa.Schema, time_column: str, by: str) -> None:
        with (
            self._catalog.create_table_transaction(
                identifier, schema, properties={"write.metadata.delete-after-commit.enabled": "true"}
            ) as made,
            made.update_spec() as spec,
        ):
            spec.add_field(time_column, HourTransform() if by == "hour" else MonthTransform(), f"{time_column}_{by}")

    def append(self, name: str, rows: pa.Table, properties: Mapping[str, str]) -> None:
        """Add rows in one commit that carries `properties`."""
        self._table(name).append(rows, snapshot_properties=dict(properties))

    def replace(
        self, name: str, time_column: str, hours: Iterable[int], rows: pa.Table, properties: Mapping[str, str]
    ) -> None:
        """Put `rows` in place of everything in `hours` (since the epoch), in one commit that carries `properties`."""
        where = in_hours(time_column, hours)
        self._table(name).overwrite(rows, overwrite_filter=where, snapshot_properties=dict(properties))

    def replace_where(self, name: str, where: BooleanExpression, rows: pa.Table) -> None:
        """Put `rows` in place of everything that fits `where`, in one commit."""
        self._table(name).overwrite(rows, overwrite_filter=where)

    def tables(self) -> list[str]:
        """Names of all tables."""
        return sorted(name for _, name in self._catalog.list_tables(NAMESPACE))

    def scan(self, name: str, where: BooleanExpression | None = None, columns: Sequence[str] = ("*",)) -> pa.Table:
        """Rows of a table that fit `where`. Raises NotFound for an unknown table."""
        table, where = self._table(name), where or AlwaysTrue()
        names = table.schema().column_names if "*" in columns else list(columns)
        # pyiceberg's own reader takes milliseconds a file, and an hour is a file; tables here never change their schema
        files = ds.dataset(_paths(table, where), schema=table.schema().as_arrow(), format="parquet")
        found: pa.Table = files.to_table(names, expression_to_pyarrow(bind(table.schema(), where, case_sensitive=True)))
        return found

    def span(self, name: str) -> tuple[int, int]:
        """First hour with rows and the hour after the last, since the epoch, from metadata alone; (0, 0) when empty."""
        table = self._table(name)
        if table.current_snapshot() is None:
            return (0, 0)
        found = table.inspect.partitions().select(["partition", "record_count"]).to_pylist()
        hours = [hour for row in found if row["record_count"] for hour in row["partition"].values()]
        return (min(hours), max(hours) + 1) if hours else (0, 0)

    def files(self, name: str, where: BooleanExpression | None = None) -> list[str]:
        """Paths of the Parquet files that may hold rows that fit `where`."""
        return _paths(self._table(name), where or AlwaysTrue())

    def snapshots(self, name: str) -> list[tuple[int, dict[str, str]]]:
        """(id, properties) of every commit, oldest first; none for a table that does not exist."""
        try:
            table = self._table(name)
        except NotFound:
            return []
        return [(item.snapshot_id, _properties(item.summary)) for item in table.metadata.snapshots]

    def _table(self, name: str) -> Table:
        try:
            return self._catalog.load_table(f"{NAMESPACE}.{name}")
        except NoSuchTableError as error:
            raise NotFound(f"the lake has no table {name!r} yet") from error


def _paths(table: Table, where: BooleanExpression) -> list[str]:
    tasks = list(table.scan(where).plan_files())
    assert not any(task.delete_files for task in tasks)  # the one writer rewrites files whole
    return [task.file.file_path.removeprefix("file://") for task in tasks]


def _properties(summary: Any) -> dict[str, str]:
    return dict(summary.additional_properties) if summary is not None else {}


def equal(column: str, value: str) -> BooleanExpression:
    """Rows whose `column` is `value`."""
    return EqualTo(column, value)


def both(left: BooleanExpression, right: BooleanExpression) -> BooleanExpression:
    """Rows that fit both."""
    return And(left, right)


def in_hours(column: str, hours: Iterable[int]) -> BooleanExpression:
    """Rows whose time lies in one of the hours since the epoch; neighbours are joined into one range."""
    ranges: list[list[int]] = []
    for hour in sorted(set(hours)):
        if ranges and ranges[-1][1] == hour:
            ranges[-1][1] = hour + 1
        else:
            ranges.append([hour, hour + 1])
    parts = [And(GreaterThanOrEqual(column, _stamp(a)), LessThan(column, _stamp(b))) for a, b in ranges]
    return reduce(Or, parts) if parts else And(LessThan(column, _stamp(0)), GreaterThanOrEqual(column, _stamp(0)))


def _stamp(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, UTC).isoformat()


__all__ = ["Lake", "both", "equal", "in_hours"]
