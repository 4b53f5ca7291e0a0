"""The steps of training as plain functions: each reads and writes folders, and says what it found in report.json.

Each step is a process of its own, so each imports what it needs and no more.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

from scoreops.core.verdict import Verdict, all_pass

OK: Final = "ok"
REFUSED: Final = "refused"
UNFIT: Final = "unfit"
"""Answers of a step that a pipeline branches on: a closed vocabulary, as KFP evaluates conditions as text."""
DRIFT_SHARE: Final = 0.2

Report = dict[str, Any]


def step(name: str) -> Callable[[Callable[..., Report]], Callable[..., Report]]:
    """Time a step and leave its report as OUT/report.json; its last argument is the folder OUT."""

    def decorate(work: Callable[..., Report]) -> Callable[..., Report]:
        @wraps(work)
        def timed(*args: Any) -> Report:
            out = Path(args[-1])
            out.mkdir(parents=True, exist_ok=True)
            began, before = time.monotonic(), _cpu_seconds()
            report = {"step": name, **work(*args[:-1], out)}
            report["seconds"] = round(time.monotonic() - began, 2)
            report["cpu_seconds"] = round(_cpu_seconds() - before, 2)
            report["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            aside = out / ".report.json"
            aside.write_text(json.dumps(report, indent=1, default=str))
            aside.replace(out / "report.json")  # whoever waits for the run reads it at any moment
            return report

        return timed

    return decorate


def hour_of(until: int, before: Path) -> int:
    """The hour that a run works up to: as it was asked for, or, for 0, as the step before has found and reported it."""
    return until or int(json.loads((before / "report.json").read_text())["until"])


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


@step("features")
def features(until: int, out: Path) -> Report:
    """Offline store and outcomes up to the hour `until`; 0 means all that the lake holds."""
    from feature_repo.lake_writer import lake_span, open_lake
    from kfp_pipelines.features import build_features
    from scoreops.adapters.settings import Settings

    settings = Settings()
    hour = until or lake_span(open_lake(settings))[1]
    return {"until": hour, **build_features(settings, hour, out)}


@step("check")
def check(score: str, until: int, labels: str, rehearse: str, outcomes: Path, html: Path, out: Path) -> Report:
    """Training rows and population of `score`, data checks, drift against the champion. `answer` is ok or refused."""
    from feature_repo.frames import Known, frame
    from kfp_pipelines.checks import check_leakage, check_rows
    from kfp_pipelines.drift import champion_files, judge_drift, write_report
    from kfp_pipelines.rehearsal import drifted, fault_of
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.core.recipe import DRIFTED

    settings = Settings()
    hour = hour_of(until, outcomes)
    source, known = frame(score), Known(settings, outcomes, hour, labels)
    rows, people = source.rows(known), source.population(known)
    if fault_of(rehearse, score) == DRIFTED:
        rows, people = drifted(rows, score), drifted(people, score)
    champion = champion_files(Registry(settings.mlflow_url), score)
    verdicts = [*check_rows(rows, score), *check_leakage(known, score)]
    drift = judge_drift(champion, people, DRIFT_SHARE)
    write_report(champion, people, drift, html)
    rows.to_parquet(out / "rows.parquet")
    people.to_parquet(out / "population.parquet")
    every = [*verdicts, *drift]
    return {
        "score": score,
        "until": hour,
        "rows": len(rows),
        "answer": OK if all_pass(every) else REFUSED,
        **_listed(every),
    }


@step("train")
def train(score: str, until: int, rehearse: str, data: Path, outcomes: Path, out: Path) -> Report:
    """The bundle of `score` in OUT/bundle."""
    from kfp_pipelines.rehearsal import fault_of
    from kfp_pipelines.training import fit

    return {
        "score": score,
        **fit(score, data, outcomes, hour_of(until, outcomes), fault_of(rehearse, score), out / "bundle"),
    }


@step("evaluate")
def judge_candidate(score: str, data: Path, model: Path, _out: Path) -> Report:
    """Candidate and champion on the same held-out rows. `answer` is unfit for a bundle that could not be served."""
    import pandas as pd

    from kfp_pipelines.drift import champion_files
    from kfp_pipelines.evaluation import evaluate
    from scoreops.adapters.bundles import read_folder
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings

    rows = pd.read_parquet(data / "rows.parquet")
    held = rows[rows["held_out"]].reset_index(drop=True)
    champion = champion_files(Registry(Settings().mlflow_url), score)
    verdicts, metrics = evaluate(score, read_folder(model / "bundle"), champion, held)
    answer = OK if all_pass(verdicts) else REFUSED if metrics else UNFIT
    return {"score": score, "held_out": len(held), "answer": answer, "metrics": metrics, **_listed(verdicts)}


@step("register")
def register(score: str, model: Path, checked: Path, judged: Path, out: Path) -> Report:
    """The bundle as a candidate with all its verdicts, and as the champion where every gate passed."""
    from scoreops.adapters.bundles import read_folder
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings

    first, second = (json.loads((folder / "report.json").read_text()) for folder in (checked, judged))
    verdicts = [*first["verdicts"], *second.get("carried", []), *second["verdicts"]]
    registry = Registry(Settings().mlflow_url)
    version = registry.register(read_folder(model / "bundle"), metrics=second["metrics"], verdicts=verdicts)
    passed = all(verdict["outcome"] == "Pass" for verdict in verdicts)
    if passed:
        registry.promote(score, version.number)
    (out / "version.txt").write_text(str(version.number))
    return {"score": score, "version": version.number, "alias": "champion" if passed else "candidate"}


@step("lag")
def lag(until: int, data: Path, _out: Path) -> Report:
    """The trust scores of earlier hours, for the success forecast to read."""
    from kfp_pipelines.coupling import write_lag
    from scoreops.adapters.settings import Settings

    return {"rows": write_lag(Settings(), hour_of(until, data), data)}


def _listed(verdicts: Sequence[Verdict]) -> Mapping[str, Any]:
    return {"verdicts": [verdict.as_dict() for verdict in verdicts]}
