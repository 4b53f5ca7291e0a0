"""The steps of `sme_daily_etl` and `sme_predict` as plain functions. Each can be repeated, and killed, at any moment.

Each step is a process of its own, so each imports what it needs and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from kfp_pipelines.steps import OK, REFUSED, Report, step

SCORES: Final = ("late-payment", "cash-flow", "sme-anomaly")
"""What `sme_predict` asks the registry for."""


@step("place")
def place(as_of: str, landing: str, predict: bool, _out: Path) -> Report:  # noqa: FBT001 - as KFP passes it
    """Whether everything is there that the run needs. `answer` is ok or refused, `missing` says what lacks."""
    from feature_repo.sme.place import missing
    from scoreops.adapters.settings import Settings

    lacking = missing(Settings(), date.fromisoformat(as_of), Path(landing) if landing else None, predict=predict)
    return {"as_of": as_of, "missing": lacking, "answer": REFUSED if lacking else OK}


@step("bronze")
def bronze(as_of: str, landing: str, _out: Path) -> Report:
    """Every file delivered up to the day, into bronze or into quarantine."""
    from feature_repo.sme.bronze import REFUSED as QUARANTINE
    from feature_repo.sme.bronze import days_in, load_days, open_bronze
    from scoreops.adapters.settings import Settings

    lake, folder, until = open_bronze(Settings().lake_dir), Path(landing), date.fromisoformat(as_of)
    files = load_days(lake, folder, [day for day in days_in(folder) if day <= until])
    sources = {file.source for file in files}
    refused = lake.scan(QUARANTINE, columns=["source", "table", "field", "reason"]).to_pylist()
    reasons = Counter(f"{row['table']}: {row['field']} {row['reason']}" for row in refused if row["source"] in sources)
    sums = {
        name: sum(getattr(file, name) for file in files) for name in ("lines", "accepted", "quarantined", "repeats")
    }
    rows: Counter[str] = Counter()
    for file in files:
        rows[f"bronze.{file.table}"] += file.accepted
    return {"rows": dict(rows), **sums, "reasons": dict(reasons), "files": [asdict(file) for file in files]}


@step("silver")
def silver(as_of: str, _out: Path) -> Report:
    """Seeds, staging, features and training sets. `answer` is refused when a test of the data says no."""
    from feature_repo.sme.warehouse import follow_lake
    from scoreops.adapters.settings import Settings

    follow_lake(Settings())
    return built(as_of, ("resource_type:seed", "path:models/silver"), "silver")


@step("gold")
def gold(as_of: str, _out: Path) -> Report:
    """Dimensions, facts, links, KPIs and the AR priority. `answer` is refused when a test of the data says no."""
    return built(as_of, ("path:models/gold",), "gold")


def built(as_of: str, select: Sequence[str], *schemas: str, tables: Collection[str] = ()) -> Report:
    """What dbt made of a selection: tests, and rows of the tables of some schemas, of all or of those named.

    `answer` is refused when a test of the data says no.
    """
    from feature_repo.sme.warehouse import build, row_counts
    from scoreops.adapters.settings import Settings

    settings = Settings()
    made = build(settings, date.fromisoformat(as_of), select=select)
    rows = row_counts(settings, *schemas)
    return {
        "models": made.models,
        "tests": [asdict(test) for test in made.tests],
        "rows": {name: n for name, n in rows.items() if not tables or name in tables},
        "answer": REFUSED if made.failed else OK,
    }


@step("predict")
def predict(score: str, as_of: str, _out: Path) -> Report:
    """What the registered version of one score says at the end of the day, or its floor, into the lake."""
    from feature_repo.sme.predict import predict as say
    from scoreops.adapters.settings import Settings

    made = say(Settings(), score, date.fromisoformat(as_of))
    words = f"no champion of {' and '.join(made.lacking)}; answered by: {made.version}"
    warning = {"name": f"champion of {score}", "outcome": "warn", "failures": 0, "reason": words}
    rows = {f"predictions.{made.table}": made.rows}
    return {"score": score, "rows": rows, "version": made.version, "tests": [warning] if made.lacking else []}


@step("publish")
def publish(as_of: str, _out: Path) -> Report:
    """Predictions into the gold tables that people read."""
    from feature_repo.sme.warehouse import follow_lake
    from scoreops.adapters.settings import Settings

    follow_lake(Settings())
    return built(as_of, ("path:models/gold/ml_scores",), "gold")


@step("refresh")
def refresh(_as_of: str, _out: Path) -> Report:
    """Metabase reads its tables again, and answers cached for any company are forgotten."""
    from feature_repo.sme.refresh import refresh_readers
    from scoreops.adapters.settings import Settings

    made: dict[str, Any] = refresh_readers(Settings())
    return made
