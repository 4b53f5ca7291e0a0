"""The steps that `sme_train` and `sme_external_sync` have beside those of any training. Each can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from kfp_pipelines.sme_steps import built
from kfp_pipelines.steps import OK, REFUSED, Report, hour_of, step
from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.adapters.settings import Settings
from scoreops.core.bundle import unpack
from scoreops.core.errors import BadInput, NotFound
from scoreops.core.verdict import Verdict, all_pass, holds


@step("training sets")
def training_sets(as_of: str, out: Path) -> Report:
    """What was known at the end of the day `as_of`, "" the last that was built, once for all scores of the run."""
    from feature_repo.sme.training_sets import write_training_sets

    return write_training_sets(Settings(), date.fromisoformat(as_of) if as_of else None, out)


@step("validate")
def validate(score: str, until: int, outcomes: Path, model: Path, judged: Path, _out: Path) -> Report:
    """Whether registry and store are fit for the candidate: a way back, and rows of now that it answers.

    `answer` is ok or refused; what was judged before is carried on to the registry.
    """
    from feature_repo.frames import Known, frame
    from scoreops.adapters.bundles import read_folder

    settings = Settings()
    before = json.loads((judged / "report.json").read_text())
    rows = frame(score).population(Known(settings, outcomes, hour_of(until, outcomes)))
    registry = Registry(settings.mlflow_url)
    try:
        verdicts = [check_registry(registry, score), *check_store(score, read_folder(model / "bundle"), rows)]
    finally:
        registry.close()
    carried = [*before.get("carried", []), *before["verdicts"]]
    answer = OK if all_pass(verdicts) else REFUSED
    listed = [verdict.as_dict() for verdict in verdicts]
    return {"score": score, "answer": answer, "metrics": before["metrics"], "carried": carried, "verdicts": listed}


def check_registry(registry: Registry, score: str) -> Verdict:
    """Whether the champion, to which a rollback would lead, can be fetched whole; or there is none yet."""
    try:
        version, _ = registry.fetch(score, CHAMPION)
    except NotFound:
        return holds("registry", True, 0, "the registry answers; there is no champion yet")
    except BadInput as error:
        return holds("registry", False, 1, f"a rollback would fail: {error}")
    return holds(
        "registry", True, 1, f"the registry answers; version {version.number} is whole, a rollback leads there"
    )


def check_store(score: str, files: Mapping[str, bytes], rows: Any) -> list[Verdict]:
    """Whether the bundle gives its golden answers, and an answer to each row of the store as it is now."""
    import numpy as np

    from scoreops.catalog import score as catalogued
    from scoreops.core.golden import golden_difference

    known, golden = catalogued(score), unpack(files).golden
    scorer = known.load(files)
    asked = {name: np.array(values, dtype=np.float64) for name, values in golden.inputs.items()}
    told = {name: np.asarray(values) for name, values in scorer.infer(asked, {}).items()}
    odd = golden_difference(golden, told)
    answer = scorer.infer({"features": rows[list(known.schema.columns)].to_numpy(np.float64)}, {"reasons": False})
    numbers = {name: np.asarray(answer[name]) for name in answer if np.asarray(answer[name]).dtype.kind == "f"}
    wrong = [name for name, values in numbers.items() if np.isinf(values).any()]
    if all(np.isnan(values).all() for values in numbers.values()):  # one may be: nobody runs out of cash
        wrong = list(numbers)
    n = len(rows)
    words = f"no number in {', '.join(wrong)}" if wrong else f"{n} rows of now are answered"
    return [
        holds("golden", not odd, len(golden.inputs.get("features", [])), odd or "the golden answers are repeated"),
        holds("store", bool(n) and not wrong, n, words if n else "the store holds no row to ask about"),
    ]


@step("external")
def external(as_of: str, _out: Path) -> Report:
    """Public tables from their servers, or from the files here; a fallback is a warning, not a failure."""
    from feature_repo.sme.external_sync import API, sync_external

    synced = sync_external(Settings(), date.fromisoformat(as_of))
    tests = [
        {
            "name": f"{each.table} from its server",
            "outcome": "pass" if each.source == API else "warn",
            "failures": 0,
            "reason": f"{each.reason}; rows of {each.source} up to {each.newest}" if each.reason else "",
        }
        for each in synced
    ]
    rows = {f"external.{each.table}": each.rows for each in synced}
    return {"rows": rows, "tests": tests, "tables": [asdict(each) for each in synced]}


@step("external dimensions")
def external_dimensions(as_of: str, _out: Path) -> Report:
    """Silver and gold of the public tables. `answer` is refused when a test of the data says no."""
    from feature_repo.sme.warehouse import follow_lake

    follow_lake(Settings())
    select = ("path:models/silver/external", "path:models/gold/external")
    tables = ("silver.indicators", "silver.provinces", "gold.ext_country_year", "gold.ext_province")
    return built(as_of, select, "silver", "gold", tables=tables)
