"""A file of a source table becomes rows, and lines that do not fit with the reason: nothing is lost or guessed."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from scoreops.sme.contract import INGESTED, LINE, QUARANTINE, SOURCE, Column, Table

Bad = tuple[int, str, str]
"""Position of a line, the field that is wrong, and why."""


@dataclass(frozen=True)
class Intake:
    """What one file holds. `lines` counts its lines without the header; each is accepted or quarantined."""

    lines: int
    accepted: pa.Table
    quarantined: pa.Table


def read_file(table: Table, data: bytes, source: str, arrived: datetime) -> Intake:
    """Read a CSV file, plain or gzipped, whose first line names the columns in any order.

    `source` says where it came from, `arrived` when. The id of a line is a digest of table, header and line: the same
    line has the same id in whichever file it comes.
    """
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error):
        return _all_bad(table, [data], b"", ("", "the file is no readable gzip"), source, arrived)
    header, *lines = [line.rstrip(b"\r") for line in data.split(b"\n")]
    lines = [line for line in lines if line.strip()]
    names = _split(header.removeprefix(b"\xef\xbb\xbf"))
    if names is None:
        return _all_bad(table, [header, *lines], header, ("", "the file is not UTF-8"), source, arrived)
    lacking = [name for name in table.names if name not in names]
    if lacking:
        return _all_bad(table, lines, header, (lacking[0], "the file lacks this column"), source, arrived)
    return _read_lines(table, names, header, lines, source, arrived)


def _read_lines(
    table: Table, names: Sequence[str], header: bytes, lines: Sequence[bytes], source: str, arrived: datetime
) -> Intake:
    fields = [_split(line) for line in lines]
    shape: list[Bad] = []
    for at, row in enumerate(fields):
        if row is None:
            shape.append((at, "", "is not UTF-8"))
        elif len(row) != len(names):
            shape.append((at, "", f"has {len(row)} fields where {len(names)} are expected"))
    broken = {at for at, _, _ in shape}
    sound = [at for at in range(len(lines)) if at not in broken]
    rows = [row for row in fields if row is not None and len(row) == len(names)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").select(table.names)
    typed = _typed(table, frame)
    bad = [*shape, *((sound[at], field, reason) for at, field, reason in _judge(table, frame, typed))]
    ids = _ids(table, header, lines)
    out = {at for at, _, _ in bad}
    kept = [at not in out for at in sound]
    good = typed.with_columns(pl.Series(LINE, [ids[at] for at in sound], dtype=pl.String), pl.lit(source).alias(SOURCE))
    return Intake(
        len(lines),
        good.filter(pl.Series(kept, dtype=pl.Boolean)).to_arrow().cast(table.schema),
        _quarantine(table, lines, ids, sorted(bad), source, arrived),
    )


def _split(line: bytes) -> list[str] | None:
    """Fields of one line; None where it is no UTF-8."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    return next(csv.reader([text]), []) if '"' in text else text.split(",")


def _typed(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Text as values; what is empty or cannot be read is null."""
    return frame.select(_value(column) for column in table.columns)


def _value(column: Column) -> pl.Expr:
    text = pl.col(column.name).str.strip_chars()
    text = pl.when(text == "").then(None).otherwise(text)
    if column.kind == "date":
        return text.str.to_date("%Y-%m-%d", strict=False).alias(column.name)
    if column.kind == "time":
        return text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False).alias(column.name)
    if column.kind == "int":
        return text.cast(pl.Int64, strict=False).alias(column.name)
    return text.alias(column.name)


def _judge(table: Table, text: pl.DataFrame, typed: pl.DataFrame) -> list[Bad]:
    """The first thing that is wrong with each row that is not right."""
    found: dict[int, Bad] = {}

    def note(broken: pl.Series, field: str, reason: str) -> None:
        for at in broken.fill_null(value=False).arg_true().to_list():
            found.setdefault(at, (at, field, reason))

    for column in table.columns:
        empty = text[column.name].str.strip_chars() == ""
        if not column.nullable:
            note(empty, column.name, "is empty")
        note(typed[column.name].is_null() & ~empty, column.name, f"is no {_WORDS.get(column.kind, column.kind)}")
    for rule in table.rules:
        note(typed.select(rule.broken).to_series(), rule.field, rule.reason)
    return sorted(found.values())


_WORDS = {"date": "date like 2026-03-31", "time": "time like 2026-03-31T08:00:00Z", "int": "whole number"}


def _ids(table: Table, header: bytes, lines: Sequence[bytes]) -> list[str]:
    start = hashlib.blake2b(table.name.encode() + b"\n" + header + b"\n", digest_size=16)
    found = []
    for line in lines:
        state = start.copy()
        state.update(line)
        found.append(state.hexdigest())
    return found


def _quarantine(
    table: Table, lines: Sequence[bytes], ids: Sequence[str], bad: Sequence[Bad], source: str, arrived: datetime
) -> pa.Table:
    columns = {
        "table": [table.name] * len(bad),
        SOURCE: [source] * len(bad),
        "line": [at + 2 for at, _, _ in bad],
        LINE: [ids[at] for at, _, _ in bad],
        "field": [field for _, field, _ in bad],
        "reason": [reason for _, _, reason in bad],
        "raw": [lines[at] for at, _, _ in bad],
        INGESTED: [arrived] * len(bad),
    }
    return pa.table(columns, schema=QUARANTINE)


def _all_bad(
    table: Table, lines: Sequence[bytes], header: bytes, why: tuple[str, str], source: str, arrived: datetime
) -> Intake:
    """A file of which no line can be read."""
    bad = [(at, *why) for at in range(len(lines))]
    ids = _ids(table, header, lines)
    return Intake(len(lines), table.schema.empty_table(), _quarantine(table, lines, ids, bad, source, arrived))
