"""The warehouse: silver and gold in one DuckDB file, built by dbt from what the lake holds at that moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from feature_repo.sme.bronze import bronze_name, open_bronze
from scoreops.adapters.lake import Lake
from scoreops.adapters.orphans import end_with
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound, ScoreOpsError
from scoreops.sme.contract import TABLES
from scoreops.sme.predictions import EXTERNAL, FEEDBACK, FEEDBACK_SCHEMA, PREDICTIONS

PROJECT: Final = Path(__file__).resolve().parents[1] / "dbt"


def warehouse_file(settings: Settings) -> Path:
    """Where the DuckDB file stands."""
    return settings.root / "sme" / "warehouse.duckdb"


@dataclass(frozen=True)
class Test:
    """One test of the data: pass, fail, error or skipped (its table was not built); `failures` counts rows."""

    name: str
    outcome: str
    failures: int
    reason: str


@dataclass(frozen=True)
class Built:
    """What dbt did: how many models and seeds it built, what each test said, and seconds of each node."""

    models: int
    tests: list[Test]
    seconds: Mapping[str, float]

    @property
    def failed(self) -> list[Test]:
        """Tests that said no; those that could not run after it are not among them."""
        return [test for test in self.tests if test.outcome in ("fail", "error")]

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(test.outcome == "pass" for test in self.tests)


def sources(lake: Lake) -> dict[str, tuple[list[str], pa.Schema]]:
    """Parquet files and columns behind each table that dbt reads: `schema.table`."""
    there = set(lake.tables())

    def at(name: str, schema: pa.Schema) -> tuple[list[str], pa.Schema]:
        return (lake.files(name) if name in there else []), schema

    found = {f"bronze.{name}": at(bronze_name(name), table.schema) for name, table in TABLES.items()}
    found[f"bronze.{FEEDBACK}"] = at(bronze_name(FEEDBACK), FEEDBACK_SCHEMA)
    found |= {f"predictions.{name}": at(f"predictions_{name}", schema) for name, schema in PREDICTIONS.items()}
    found |= {f"external.{name}": at(f"external_{name}", schema) for name, schema in EXTERNAL.items()}
    return found


def point_at(lake: Lake, file: Path) -> None:
    """Let the sources of the warehouse be what the lake holds now."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(file)) as db:
        for name, (files, schema) in sources(lake).items():
            db.execute(f"create schema if not exists {name.partition('.')[0]}")
            if files:
                listed = ", ".join(f"'{path}'" for path in sorted(files))
                select = f"select * from read_parquet([{listed}])"  # noqa: S608 - paths of our own lake
            else:
                columns = ", ".join(f'cast(null as {_sql_type(field.type)}) as "{field.name}"' for field in schema)
                select = f"select {columns} where false"
            db.execute(f"create or replace view {name} as {select}")


def follow_lake(settings: Settings) -> None:
    """Let the sources of this installation's warehouse be what its lake holds now."""
    point_at(open_bronze(settings.lake_dir), warehouse_file(settings))


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_timestamp(arrow):
        return "timestamptz"
    known = {"string": "varchar", "int64": "bigint", "int32": "integer", "double": "double", "bool": "boolean"}
    return known.get(str(arrow), "date" if pa.types.is_date(arrow) else "blob")


def build(
    settings: Settings,
    as_of: date,
    *,
    command: str = "build",
    select: Sequence[str] = (),
    full_refresh: bool = False,
    tests: bool = True,
) -> Built:
    """Run dbt for the day `as_of` on DuckDB. Raises ScoreOpsError when a model cannot be built; tests only say."""
    environment = {"DBT_SME_WAREHOUSE": str(warehouse_file(settings))}
    options = [] if tests or command != "build" else ["--exclude-resource-type", "test"]
    options += ["--full-refresh"] if full_refresh else []
    options += ["--indirect-selection", "buildable", "--select", *select] if select else []
    return run_dbt(command, as_of, settings.root / "sme", environment, options=options)


def run_dbt(
    command: str,
    as_of: date,
    work: Path,
    environment: Mapping[str, str],
    *,
    target: str = "duckdb",
    options: Sequence[str] = (),
) -> Built:
    """One dbt command in a process of its own; its artefacts and logs go under `work`."""
    out = work / "dbt" / target
    out.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "dbt.cli.main", command, "--target", target]
    argv += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    argv += ["--target-path", str(out), "--log-path", str(out), "--log-format", "text", "--no-use-colors"]
    argv += ["--vars", json.dumps({"as_of": as_of.isoformat()}), *options]
    (out / "run_results.json").unlink(missing_ok=True)
    done = subprocess.run(
        argv,
        env={**os.environ, "DO_NOT_TRACK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        # A killed step leaves no dbt behind that would go on writing while the step is run again.
        preexec_fn=partial(end_with, os.getpid(), signal.SIGKILL),
    )
    results = out / "run_results.json"
    if not results.exists():
        raise ScoreOpsError(f"dbt {command} did not start:\n{(done.stdout + done.stderr)[-3000:]}")
    document = json.loads(results.read_text())
    broken = [item for item in document["results"] if item["status"] == "error" and not _is_test(item)]
    if broken:
        said = "\n".join(f"  {item['unique_id']}: {item['message']}" for item in broken)
        raise ScoreOpsError(f"dbt {command} for {as_of} failed:\n{said}")
    return _read_results(document)


def _is_test(item: Mapping[str, Any]) -> bool:
    return str(item["unique_id"]).startswith("test.")


def _read_results(document: Mapping[str, Any]) -> Built:
    seconds = {item["unique_id"]: float(item["execution_time"]) for item in document["results"]}
    done = [item for item in document["results"] if not _is_test(item) and item["status"] == "success"]
    tests = [
        Test(item["unique_id"].split(".")[2], item["status"], item.get("failures") or 0, item["message"] or "")
        for item in document["results"]
        if _is_test(item)
    ]
    return Built(len(done), tests, seconds)


def row_counts(settings: Settings, *schemas: str) -> dict[str, int]:
    """Rows of every table of some schemas: `schema.table`."""
    with reading(settings) as db:
        names = db.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where list_contains(?, table_schema) order by 1",
            [list(schemas)],
        ).fetchall()
        return {name: _count(db, name) for (name,) in names}


def _count(db: duckdb.DuckDBPyConnection, name: str) -> int:
    found = db.execute(f"select count(*) from {name}").fetchone()  # noqa: S608 - a name from the catalogue
    return int(found[0]) if found else 0


@contextmanager
def reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, to read from; its days are those of UTC. Raises NotFound before the first build."""
    file = warehouse_file(settings)
    if not file.exists():
        raise NotFound("nothing has been built yet; run `scoreops sme build`")
    with duckdb.connect(str(file), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        yield db
