"""SME Pulse once from delivered files to decisions, on this machine: `scoreops sme demo`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from feature_repo.sme.bronze import FILES, REFUSED, accounts, open_bronze
from feature_repo.sme.external_sync import sync_external
from feature_repo.sme.gold import tiers
from feature_repo.sme.landing import write_world
from feature_repo.sme.predict import SAY
from feature_repo.sme.predictions import champions
from feature_repo.sme.warehouse import reading, row_counts
from kfp_pipelines.report import RunReport, harmless
from kfp_pipelines.run_local import execute
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Refused, ScoreOpsError
from scoreops.local import runtime
from scoreops.local.demo_report import Reporter
from scoreops.local.demo_summary import from_scratch, write_summary
from scoreops.local.sme_demo_words import agreements, outcomes, told
from scoreops.local.sme_truth import cash_agreement, late_agreement, odd_agreement
from scoreops.sme.cash_features import HORIZON
from scoreops.sme.contract import TABLES

JUDGED_DAYS: Final = 60
"""The scores are trained on what was known so many days before the end, and judged on what came after."""

BETWEEN_DAYS: Final = 6
"""Days between the mornings whose forecasts of cash are judged."""


@dataclass(frozen=True)
class Plan:
    """How large the demo is."""

    orgs: int = 12
    days: int = 540
    seed: int = 7


@dataclass
class Summary:
    """What summary.json holds."""

    plan: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    tests: dict[str, Any] = field(default_factory=dict)
    quarantine: dict[str, int] = field(default_factory=dict)
    training: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    tiers: dict[str, int] = field(default_factory=dict)
    late: dict[str, Any] = field(default_factory=dict)
    cash: dict[str, Any] = field(default_factory=dict)
    alerts: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Demo:
    """Generate, load and build, train, predict, judge."""

    def __init__(self, settings: Settings, plan: Plan, reporter: Reporter) -> None:
        self.settings, self.plan, self.say = settings, plan, reporter
        self.summary = Summary(plan=asdict(plan))
        self._landing = settings.root / "sme" / "landing"
        self._truth = settings.root / "sme" / "truth"
        self._end = date.min

    def run(self) -> Summary:
        """All of it."""
        parts: list[tuple[str, Callable[[], None]]] = [
            ("generate", self._generate),
            ("build", self._build),
            ("train", self._train),
            ("predict", self._predict),
            ("judge", self._judge),
        ]
        for name, part in parts:
            began = time.monotonic()
            with self.say.phase(name):
                part()
            self.summary.seconds[name] = round(time.monotonic() - began, 1)
        return self.summary

    def _generate(self) -> None:
        made = write_world(self._landing, orgs=self.plan.orgs, days=self.plan.days, seed=self.plan.seed)
        self._end = date.fromisoformat(made["end"])
        self.say.line(f"{made['lines']:,} lines of {self.plan.orgs} companies up to {self._end}")

    def _pipeline(self, name: str, arguments: dict[str, Any]) -> RunReport:
        report, folder = execute(name, arguments, self.settings, lambda done: self.say.doing(f"{done} done"))
        self.summary.runs.append(
            {"pipeline": name, "outcome": report.outcome, "seconds": report.seconds, "report": str(folder)}
        )
        if report.error:
            raise ScoreOpsError(report.error)
        if report.missing or not all(map(harmless, report.tests)):
            raise Refused(f"{name}: {'; '.join(report.objections)}")
        warned = [test["reason"] for test in report.tests if test["outcome"] == "warn"]
        self.summary.warnings += warned
        tests = self.summary.tests
        tests["run"] = tests.get("run", 0) + len(report.tests) - len(warned)
        tests["passed"] = tests.get("passed", 0) + report.passed
        return report

    def _build(self) -> None:
        runtime.up([runtime.component("mlflow", self.settings)])
        sync_external(self.settings.model_copy(update={"world_bank": "", "provinces": ""}), self._end)
        self._pipeline("sme_daily_etl", {"as_of": str(self._end), "landing": str(self._landing), "predict": False})
        lake = open_bronze(self.settings.lake_dir)
        reasons = lake.scan(REFUSED, columns=["reason"])["reason"].to_pylist()
        self.summary.quarantine = dict(Counter(reasons).most_common())
        files = accounts(lake)
        for name in ("lines", "accepted", "quarantined", "repeats"):
            self.summary.lines[name] = sum(getattr(file, name) for file in files)
        said = ", ".join(f"{count:,} {name}" for name, count in self.summary.lines.items())
        self.say.line(said.replace(" lines,", " lines =", 1))

    def _train(self) -> None:
        known = self._end - timedelta(days=JUDGED_DAYS)
        report = self._pipeline("sme_train", {"as_of": str(known)})
        self.summary.training = outcomes(report)
        self.say.line(f"trained on what was known on {known}")
        for each in self.summary.training:
            self.say.line(f"  {each['score']} {told(each)}")

    def _predict(self) -> None:
        steps = self._pipeline("sme_predict", {"as_of": str(self._end)}).steps
        self.summary.versions = {step["score"]: step["version"] for step in steps if step["step"] == "predict"}
        self.summary.rows = _bronze_rows(self.settings) | row_counts(self.settings, "silver", "gold")
        self.say.line(f"{self.summary.tests['passed']} of {self.summary.tests['run']} tests of the data passed")
        for words in self.summary.warnings:
            self.say.line(words)

    def _judge(self) -> None:
        summary = self.summary
        summary.tests["rate"] = summary.tests["passed"] / summary.tests["run"]
        summary.tiers = tiers(self.settings)
        registry = Registry(self.settings.mlflow_url)
        with reading(self.settings) as db:
            summary.late = late_agreement(db, self._truth)
            served = champions(registry, SAY)
            since = self._end - timedelta(days=JUDGED_DAYS - 1)
            summary.alerts = odd_agreement(db, served, self._truth, since, self._end)
            mornings = [self._end - timedelta(days=back) for back in range(JUDGED_DAYS, HORIZON - 1, -BETWEEN_DAYS)]
            summary.cash = cash_agreement(db, served, mornings, HORIZON)
        registry.close()
        self.say.line("open invoices by tier: " + ", ".join(f"{name} {n:,}" for name, n in summary.tiers.items()))
        for words in agreements(summary.late, summary.cash, summary.alerts):
            self.say.line(words)


def _bronze_rows(settings: Settings) -> dict[str, int]:
    lake = open_bronze(settings.lake_dir)
    return {f"bronze.{name}": lake.scan(f"bronze_{name}", columns=["org_id"]).num_rows for name in TABLES} | {
        "bronze.quarantine": lake.scan(REFUSED, columns=["line"]).num_rows,
        "bronze.files": lake.scan(FILES, columns=["lines"]).num_rows,
    }


def run_sme_demo(settings: Settings, plan: Plan, reporter: Reporter, *, keep: bool) -> tuple[Summary, Path]:
    """Run it under HOME/demo-sme, write summary.json there, and stop everything unless `keep`."""
    own = settings.model_copy(update={"home": settings.root / "demo-sme", "lake": None})
    with from_scratch(own, keep=keep):
        demo = Demo(own, plan, reporter)
        try:
            demo.run()
        finally:
            write_summary(own, demo.summary)
        return demo.summary, own.root
