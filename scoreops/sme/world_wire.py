"""The generated companies as files: what their connectors would deliver day by day, with the mistakes they make."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from scoreops.sme.contract import INGESTED, TABLES, Table
from scoreops.sme.world import World

DAILY: Final = 7
"""So many last days come as files of their own; everything before them comes as one file per table."""
_BAD_SHARE: Final = 0.0003
_REPEAT_SHARE: Final = 0.0005
_CORRECTED: Final = 5


@dataclass
class Mistakes:
    """How many lines of each kind the files hold that are not to be let in, or that say nothing new."""

    bad: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    corrections: int = 0
    lines: int = 0


def files(world: World, seed: int = 7, daily: int = DAILY) -> Iterator[tuple[date, str, bytes, Mistakes]]:
    """(day of arrival, file name, content, mistakes of this file), in the order of arrival.

    In the last days one file comes twice, one without a column and one torn, both sent again whole the day after, and
    some older invoices are corrected late.
    """
    rng = np.random.default_rng([seed, 77])
    cut = world.end - timedelta(days=daily)
    for name, table in TABLES.items():
        whole = _versions(world, name)
        if name == "invoices":
            whole = _corrected(whole, world, rng)
        day = whole[INGESTED].dt.date().clip(lower_bound=cut)
        for arrived in sorted(day.unique().to_list()):
            rows = whole.filter(day == arrived)
            yield from _delivered(table, arrived, rows, world, rng)


def _delivered(
    table: Table, arrived: date, rows: pl.DataFrame, world: World, rng: np.random.Generator
) -> Iterator[tuple[date, str, bytes, Mistakes]]:
    """One file of one day, and what goes wrong with it."""
    left = (world.end - arrived).days
    said = Mistakes(lines=rows.height)
    name, content = f"{table.name}.csv", _csv(rows)
    if table.name == "payments" and left == 4:
        lacking = _csv(rows.drop("amount_minor"))
        yield arrived, name, lacking, Mistakes(lines=rows.height, bad=Counter({"missing column": rows.height}))
        yield arrived + timedelta(days=1), f"{table.name}-again.csv", content, said
        return
    if table.name == "orders" and left == 2:
        packed = gzip.compress(content, mtime=0)
        yield arrived, f"{name}.gz", packed[: len(packed) // 2], Mistakes(lines=1, bad=Counter({"torn file": 1}))
        yield arrived + timedelta(days=1), f"{table.name}-again.csv.gz", packed, said
        return
    content = _with_mistakes(content, said, rng)
    yield arrived, name, content, said
    if table.name == "bank_transactions" and left == 1:
        yield arrived, f"{table.name}-twice.csv", content, Mistakes(lines=said.lines, repeats=said.lines)


def _versions(world: World, name: str) -> pl.DataFrame:
    """Rows of a table as they become known: an invoice once when it is issued and once when it is cleared."""
    rows = pl.from_pandas(world.frames[name]).with_columns(
        pl.col(column.name).cast(pl.Date) for column in TABLES[name].columns if column.kind == "date"
    )
    if name != "invoices":
        return rows.sort(INGESTED, maintain_order=True)
    evening = pl.col("issued_on").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(minutes=1410)
    issued = rows.with_columns(pl.lit(None, pl.Date).alias("cleared_on"), evening.alias(INGESTED))
    return pl.concat([issued, rows.filter(pl.col("cleared_on").is_not_null())]).sort(INGESTED, maintain_order=True)


def _corrected(rows: pl.DataFrame, world: World, rng: np.random.Generator) -> pl.DataFrame:
    """On the last day some open invoices of weeks ago turn out to be for less."""
    invoices = world.frames["invoices"]
    weeks_ago = world.end - timedelta(days=14)
    old = (invoices["cleared_on"].isna() & (invoices["issued_on"] < weeks_ago)).to_numpy().nonzero()[0]
    picked = rng.choice(old, min(_CORRECTED, len(old)), replace=False)
    chosen = pl.from_pandas(invoices.iloc[np.sort(picked)]).with_columns(
        pl.col("issued_on").cast(pl.Date), pl.col("due_on").cast(pl.Date), pl.lit(None, pl.Date).alias("cleared_on")
    )
    late = chosen.with_columns(
        (pl.col("amount_minor") - pl.col("amount_minor") // 20).alias("amount_minor"),
        pl.lit(world.end).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").dt.offset_by("1425m").alias(INGESTED),
    )
    return pl.concat([rows, late.select(rows.columns)])


def _csv(rows: pl.DataFrame) -> bytes:
    return rows.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ", date_format="%Y-%m-%d").encode()


def _with_mistakes(content: bytes, said: Mistakes, rng: np.random.Generator) -> bytes:
    """The file with some lines spoilt copies of others and some sent twice; every good line stays."""
    header, *lines = content.rstrip(b"\n").split(b"\n")
    extra: list[bytes] = []
    if len(lines) >= 30:
        for at in rng.integers(0, len(lines), rng.poisson(len(lines) * _BAD_SHARE)):
            kind = str(rng.choice(list(_SPOIL)))
            extra.append(_spoilt(lines[at], kind, header))
            said.bad[kind] += 1
        again = rng.integers(0, len(lines), rng.poisson(len(lines) * _REPEAT_SHARE))
        extra += [lines[at] for at in again]
        said.repeats += len(again)
    said.lines += len(extra)
    return b"\n".join([header, *lines, *extra]) + b"\n"


def _spoilt(line: bytes, kind: str, header: bytes) -> bytes:
    fields, names = line.split(b","), header.split(b",")
    if kind == "truncated":
        return b",".join(fields[: len(fields) // 2])
    if kind == "not utf-8":
        return line + b"\xff\xfe"
    column, value = _SPOIL[kind]
    place = names.index(column) if column in names else 1
    fields[place] = value
    return b",".join(fields)


_SPOIL: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "truncated": (b"", b""),
    "not utf-8": (b"", b""),
    "no key": (b"org_id", b""),
    "no time": (b"ingested_at", b"yesterday"),
}
