"""The monthly sync of public tables into bronze: from their servers, or from the files here on a machine without them.

What a server has once said is never replaced by the older files: while it is away, the table stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyiceberg.expressions import AlwaysTrue

from scoreops.adapters.lake import Lake
from scoreops.adapters.provinces import fetch_provinces
from scoreops.adapters.retrying import ATTEMPTS, FIRST_WAIT_S
from scoreops.adapters.settings import Settings
from scoreops.adapters.world_bank import WorldBank
from scoreops.core.errors import BadInput, NotReady
from scoreops.sme.contract import INGESTED, SOURCE
from scoreops.sme.predictions import EXTERNAL

FILES: Final = Path(__file__).with_name("external")
INDICATORS: Final = {
    "gdp_usd": "NY.GDP.MKTP.CD",
    "inflation_percent": "FP.CPI.TOTL.ZG",
    "unemployment_percent": "SL.UEM.TOTL.ZS",
}
"""Our names of indicators, and the World Bank's."""
COUNTRIES: Final = tuple("BRN CHN IDN IND JPN KHM KOR LAO MMR MYS PHL SGP THA USA VNM".split())
"""Vietnam, its neighbours and its largest partners in trade."""
FIRST_YEAR: Final = 1990
GENERATIONS: Final = {"v1": "until 2025-06", "v2": "since 2025-07"}
API: Final = "api"
FILE: Final = "file"


@dataclass(frozen=True)
class Synced:
    """What became of one table.

    `source` is where its rows are from: "api", "file", or "kept" while the server is away; `reason` says why not "api".
    """

    table: str
    source: str
    rows: int
    written: bool
    newest: str
    reason: str


def sync_external(
    settings: Settings, as_of: date, *, attempts: int = ATTEMPTS, first_wait_s: float = FIRST_WAIT_S
) -> list[Synced]:
    """Bring every external table up to `as_of`. Doing it again with the same answers changes nothing."""
    lake, tries = Lake(settings.lake_dir), {"attempts": attempts, "first_wait_s": first_wait_s}
    return [
        _sync(lake, "indicators", as_of, lambda: _indicators(settings.world_bank, as_of, tries)),
        _sync(lake, "provinces", as_of, lambda: _provinces(settings.provinces, tries)),
    ]


def _sync(lake: Lake, name: str, as_of: date, fetch: Callable[[], pa.Table]) -> Synced:
    table = f"external_{name}"
    lake.ensure(table, _stored(name), INGESTED, by="month")
    held = lake.scan(table)
    try:
        rows, source, reason = fetch(), API, ""
    except (NotReady, BadInput) as error:
        reason = str(error)
        if API in held[SOURCE].unique().to_pylist():
            return Synced(name, "kept", len(held), False, _newest(held), reason)
        rows, source = _file(name), FILE
    at = datetime.combine(as_of, datetime.max.time(), UTC)
    told = rows.append_column(SOURCE, pa.array([source] * len(rows), pa.string()))
    told = told.append_column(INGESTED, pa.array([at] * len(rows), pa.timestamp("us", "UTC"))).cast(_stored(name))
    changed = _content(told) != _content(held)
    if changed:
        lake.replace_where(table, AlwaysTrue(), told)
    return Synced(name, source, len(told), changed, _newest(told), reason)


def _stored(name: str) -> pa.Schema:
    return pa.schema([*EXTERNAL[name], (SOURCE, pa.string()), (INGESTED, pa.timestamp("us", tz="UTC"))])


def _content(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows in an order of their own, without the moment of the sync."""
    kept = rows.drop_columns([INGESTED])
    return kept.sort_by([(name, "ascending") for name in kept.column_names]).to_pylist() if len(kept) else []


def _newest(rows: pa.Table) -> str:
    """The last year or generation of a table."""
    column = "year" if "year" in rows.column_names else "generation"
    return str(pc.max(rows[column]).as_py()) if len(rows) else ""


def _file(name: str) -> pa.Table:
    schema = EXTERNAL[name]
    options = csv.ConvertOptions(column_types=schema, include_columns=schema.names)
    return csv.read_csv(FILES / f"{name}.csv", convert_options=options).cast(schema)


def _asked(url: str) -> str:
    if not url:
        raise NotReady("no server is set")
    return url


def _indicators(url: str, as_of: date, tries: dict[str, Any]) -> pa.Table:
    """Every indicator of every country that is known. One that lacks a country altogether is refused."""
    bank, rows = WorldBank(_asked(url), **tries), []
    try:
        for ours, theirs in INDICATORS.items():
            found = bank.indicator(theirs, COUNTRIES, FIRST_YEAR, as_of.year)
            lacking = sorted(set(COUNTRIES) - {each.country_code for each in found})
            if lacking:
                raise BadInput(f"the World Bank knows no {ours} of {', '.join(lacking)}")
            keys = {(each.country_code, each.year) for each in found}
            if len(keys) != len(found):
                raise BadInput(f"the World Bank said the {ours} of a year twice")
            rows += [(o.country_code, o.country, o.year, ours, o.value) for o in found]
    finally:
        bank.close()
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(EXTERNAL["indicators"].names, columns, strict=True)), EXTERNAL["indicators"])


def _provinces(url: str, tries: dict[str, Any]) -> pa.Table:
    """Names as the server knows them, on the codes of the file: which province became which only the law says."""
    known, names = _file("provinces").to_pylist(), dict[tuple[str, str], str]()
    for version, generation in GENERATIONS.items():
        found = fetch_provinces(_asked(url), version, **tries)  # type: ignore[arg-type]
        codes = {row["code"] for row in known if row["generation"] == generation}
        if set(found) != codes:
            odd = ", ".join(sorted(set(found) ^ codes))
            raise BadInput(f"the provinces {generation} are not the {len(codes)} that are known; they differ in {odd}")
        names |= {(generation, code): name for code, name in found.items()}
    rows = [row | {"name": names[row["generation"], row["code"]]} for row in known]
    return pa.Table.from_pylist(rows, EXTERNAL["provinces"])
