"""Bronze: every line of every delivered file once, in Iceberg tables; what does not fit stands in the quarantine.

A line is known by a digest of its content. Loading a file again, after a crash or by mistake, changes nothing: its
lines are repeats. What was let in is committed before the file is noted as done, so that no crash loses a line.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoreops.adapters.lake import Lake
from scoreops.core.errors import BadInput, NotFound
from scoreops.sme.contract import INGESTED, LINE, QUARANTINE, SOURCE, TABLES
from scoreops.sme.intake import Intake, read_file

FILES: Final = "bronze_files"
REFUSED: Final = "bronze_quarantine"
_FILES_SCHEMA: Final = pa.schema(
    [
        (SOURCE, pa.string()),
        ("table", pa.string()),
        ("lines", pa.int64()),
        (INGESTED, pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Loaded:
    """What became of the lines of one file: `lines` = `accepted` + `quarantined` + `repeats`."""

    source: str
    table: str
    lines: int
    accepted: int
    quarantined: int
    repeats: int


def bronze_name(table: str) -> str:
    """Of the Iceberg table behind a source table."""
    return f"bronze_{table}"


def open_bronze(folder: Path) -> Lake:
    """The lake with every table of bronze in it."""
    lake = Lake(folder)
    for table in TABLES.values():
        lake.ensure(bronze_name(table.name), table.schema, INGESTED, by="month")
    lake.ensure(REFUSED, QUARANTINE, INGESTED, by="month")
    lake.ensure(FILES, _FILES_SCHEMA, INGESTED, by="month")
    return lake


def days_in(landing: Path) -> list[date]:
    """Days for which there is a folder of files, oldest first."""
    if not landing.is_dir():
        raise NotFound(f"there is no folder {landing}; `scoreops sme generate` makes one")
    found = []
    for folder in landing.iterdir():
        try:
            found.append(date.fromisoformat(folder.name))
        except ValueError:
            raise BadInput(f"{folder.name!r} is no day like 2026-03-31", str(landing)) from None
    return sorted(found)


def load_days(lake: Lake, landing: Path, days: Sequence[date]) -> list[Loaded]:
    """Load the files of some days in order, one commit a table; files noted as done are passed over.

    Returns one entry a file. Rows that the same crash-torn load left before are repeats in it.
    """
    done = set(lake.scan(FILES, columns=[SOURCE])[SOURCE].to_pylist())
    read: list[tuple[str, str, Intake, datetime]] = []
    for day in days:
        arrived = datetime.combine(day, datetime.max.time(), UTC)
        for table, path in _delivered(landing / day.isoformat()):
            data = path.read_bytes()
            source = f"{day}/{path.name}#{hashlib.blake2b(data, digest_size=4).hexdigest()}"
            if source not in done:
                read.append((source, table, read_file(TABLES[table], data, source, arrived), arrived))
    if not read:
        return []
    let_in: Counter[str] = Counter()
    for table in {table: None for _, table, _, _ in read}:
        rows = [intake.accepted for _, name, intake, _ in read if name == table]
        let_in.update(_append_new(lake, bronze_name(table), rows))
    refused = Counter(_append_new(lake, REFUSED, [intake.quarantined for _, _, intake, _ in read]))
    lake.append(FILES, _notes(read), {})
    return [_loaded(source, table, intake.lines, let_in, refused) for source, table, intake, _ in read]


def _notes(read: Sequence[tuple[str, str, Intake, datetime]]) -> pa.Table:
    rows = [{SOURCE: s, "table": t, "lines": i.lines, INGESTED: at} for s, t, i, at in read]
    return pa.Table.from_pylist(rows, schema=_FILES_SCHEMA)


def _loaded(source: str, table: str, lines: int, let_in: Counter[str], refused: Counter[str]) -> Loaded:
    good, bad = let_in[source], refused[source]
    return Loaded(source, table, lines, good, bad, lines - good - bad)


def _delivered(folder: Path) -> Iterator[tuple[str, Path]]:
    """Tables and their files: `invoices.csv`, `invoices-again.csv.gz` and the like."""
    for path in sorted(folder.iterdir()):
        table = path.name.partition(".")[0].partition("-")[0]
        if table not in TABLES:
            raise BadInput(f"{path.name} names none of the tables {', '.join(TABLES)}", str(folder))
        yield table, path


def _append_new(lake: Lake, name: str, parts: Sequence[pa.Table]) -> Iterator[str]:
    """Append the lines that a table does not hold yet; returns the source of each."""
    rows = _unknown(lake, name, pa.concat_tables(parts))
    if rows.num_rows:
        lake.append(name, rows, {})
    return iter(rows[SOURCE].to_pylist())


def _unknown(lake: Lake, name: str, rows: pa.Table) -> pa.Table:
    """The first of each line that the table does not hold yet."""
    if not rows.num_rows:
        return rows
    first = rows.append_column("at", pa.array(range(rows.num_rows))).group_by(LINE).aggregate([("at", "min")])
    rows = rows.take(first["at_min"].combine_chunks().sort())
    held = lake.scan(name, columns=[LINE])[LINE].combine_chunks()
    return rows.filter(pc.invert(pc.is_in(rows[LINE], held))) if len(held) else rows


def accounts(lake: Lake) -> list[Loaded]:
    """What became of every line ever delivered, by file: counted from the tables themselves."""
    let_in = _by_source(lake, [bronze_name(table) for table in TABLES])
    refused = _by_source(lake, [REFUSED])
    files = sorted(lake.scan(FILES).to_pylist(), key=lambda file: str(file[SOURCE]))
    return [_loaded(file[SOURCE], file["table"], file["lines"], let_in, refused) for file in files]


def _by_source(lake: Lake, names: Sequence[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name in names:
        for item in lake.scan(name, columns=[SOURCE])[SOURCE].value_counts().to_pylist():
            found[item["values"]] += item["counts"]
    return found
