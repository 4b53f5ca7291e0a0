"""The steps of `kol_train` as plain functions: each reads and writes folders, and says what it found in report.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

import pandas as pd

from kfp_pipelines.checks import check_leakage, check_rows
from kfp_pipelines.dataset import population, read_labels, success_rows, trust_rows
from kfp_pipelines.drift import champion_files, judge_drift, write_report
from kfp_pipelines.evaluation import evaluate
from kfp_pipelines.features import build_features
from kfp_pipelines.training import DRIFTED, fit
from scoreops.adapters.bundles import read_folder
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.catalog import score as catalogued
from scoreops.core.verdict import Verdict, all_pass

OK: Final = "ok"
REFUSED: Final = "refused"
DRIFT_SHARE: Final = 0.2
_DRIFTING: Final = ("clicks", "orders", "revenue", "visits")

Report = dict[str, Any]


def step(name: str) -> Callable[[Callable[..., Report]], Callable[..., Report]]:
    """Time a step and leave its report as OUT/report.json; its last argument is the folder OUT."""

    def decorate(work: Callable[..., Report]) -> Callable[..., Report]:
        @wraps(work)
        def timed(*args: Any) -> Report:
            out = Path(args[-1])
            out.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            report = {"step": name, **work(*args[:-1], out)}
            report["seconds"] = round(time.monotonic() - began, 2)
            (out / "report.json").write_text(json.dumps(report, indent=1, default=str))
            return report

        return timed

    return decorate


@step("features")
def features(until: int, out: Path) -> Report:
    """Offline store and outcomes up to the hour `until`."""
    return build_features(Settings(), until, out)


@step("check")
def check(score: str, until: int, labels: str, fault: str, outcomes: Path, html: Path, out: Path) -> Report:
    """Training rows and population of `score`, data checks, drift against the champion. `answer` is ok or refused."""
    settings = Settings()
    known = pd.read_parquet(outcomes / "outcomes.parquet")
    if score == "trust":
        rows = trust_rows(settings, read_labels(settings, until, Path(labels) if labels else None), known)
    else:
        rows = success_rows(settings, known, until)
    people = population(settings, score, known, until)
    if fault == DRIFTED:
        rows, people = _drifted(rows), _drifted(people)
    registry = Registry(settings.mlflow_url)
    champion = champion_files(registry, score)
    verdicts = [
        *check_rows(rows, score, catalogued(score).schema.columns),
        *(check_leakage(settings, score, until) if fault != DRIFTED else []),
    ]
    drift = judge_drift(champion, people, DRIFT_SHARE)
    write_report(champion, people, drift, html)
    rows.to_parquet(out / "rows.parquet")
    people.to_parquet(out / "population.parquet")
    every = [*verdicts, *drift]
    return {"score": score, "rows": len(rows), "answer": OK if all_pass(every) else REFUSED, **_listed(every)}


def _drifted(rows: pd.DataFrame) -> pd.DataFrame:
    """As if a source had begun to count in another unit."""
    counts = [str(name) for name in rows.select_dtypes("float64") if any(word in str(name) for word in _DRIFTING)]
    moved = {name: rows[name] * 25 for name in counts}
    return rows.assign(**moved)


@step("train")
def train(score: str, until: int, fault: str, data: Path, outcomes: Path, out: Path) -> Report:
    """The bundle of `score` in OUT/bundle."""
    return {"score": score, **fit(score, data, outcomes, until, fault, out / "bundle")}


@step("evaluate")
def judge_candidate(score: str, data: Path, model: Path, _out: Path) -> Report:
    """Candidate and champion on the same held-out rows."""
    rows = pd.read_parquet(data / "rows.parquet")
    held = rows[rows["held_out"]].reset_index(drop=True)
    champion = champion_files(Registry(Settings().mlflow_url), score)
    verdicts, metrics = evaluate(score, read_folder(model / "bundle"), champion, held)
    answer = OK if all_pass(verdicts) else REFUSED
    return {"score": score, "held_out": len(held), "answer": answer, "metrics": metrics, **_listed(verdicts)}


@step("register")
def register(score: str, model: Path, checked: Path, judged: Path, out: Path) -> Report:
    """The bundle as a candidate with all its verdicts, and as the champion where every gate passed."""
    first, second = (json.loads((folder / "report.json").read_text()) for folder in (checked, judged))
    verdicts = [*first["verdicts"], *second["verdicts"]]
    registry = Registry(Settings().mlflow_url)
    version = registry.register(read_folder(model / "bundle"), metrics=second["metrics"], verdicts=verdicts)
    passed = all(verdict["outcome"] == "Pass" for verdict in verdicts)
    if passed:
        registry.promote(score, version.number)
    (out / "version.txt").write_text(str(version.number))
    return {"score": score, "version": version.number, "alias": "champion" if passed else "candidate"}


def _listed(verdicts: Sequence[Verdict]) -> Mapping[str, Any]:
    return {"verdicts": [verdict.as_dict() for verdict in verdicts]}
