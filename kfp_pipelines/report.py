"""The report of a run, of any pipeline: rows by table, tests, gates, durations and cost, as JSON and as a page.

It is made of the reports that the steps leave (`kfp_pipelines.steps.step`), of which these fields are read:

    step, score        what was done, and for which score
    seconds            duration; cpu_seconds and peak_mib what it took
    rows               a number, or numbers by table
    tests              [{name, outcome: pass | warn | fail | error, failures, reason}]
    verdicts           what gates said (`scoreops.core.verdict`)
    missing            what a check of the surroundings did not find
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from scoreops.adapters.integrations import Event
from scoreops.adapters.notify import Message
from scoreops.adapters.settings import Settings

Json = dict[str, Any]
JSON_FILE: Final = "run.json"
HTML_FILE: Final = "run.html"
_TEMPLATE: Final = "run.html.j2"
_HARMLESS: Final = ("pass", "warn")
_MIB: Final = 1024
_HOUR_S: Final = 3600.0
_MOST_TOLD: Final = 5


@dataclass(frozen=True)
class Cost:
    """What a run took: CPU time, memory held for as long as its step ran, and their price where prices are set."""

    core_hours: float
    gib_hours: float
    amount: float | None
    currency: str


@dataclass(frozen=True)
class RunReport:
    """One run. `outcome` is refused where a gate or a test said no, failed where a step could not do its work."""

    pipeline: str
    run: str
    outcome: Event
    began: str
    seconds: float
    error: str
    rows: Mapping[str, int]
    tests: Sequence[Json]
    gates: Sequence[Json]
    missing: Sequence[str]
    cost: Cost
    steps: Sequence[Json]

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(test["outcome"] == "pass" for test in self.tests)

    @property
    def objections(self) -> list[str]:
        """What speaks against the run, a sentence each: the error, what is missing, tests and gates that said no."""
        said = [self.error.splitlines()[0]] if self.error else []
        said += [f"missing: {name}" for name in self.missing]
        said += [
            f"test {test['name']}: {test.get('reason') or test['outcome']}" for test in self.tests if not harmless(test)
        ]
        return said + [
            f"{gate['score']} {gate['gate']}: {gate['reason']}".strip()
            for gate in self.gates
            if gate["outcome"] != "Pass"
        ]


def harmless(test: Json) -> bool:
    """Whether a test of the data passed, or only warned."""
    return test["outcome"] in _HARMLESS


def summarise(
    pipeline: str, run: str, steps: Sequence[Json], settings: Settings, *, began: str, seconds: float, error: str = ""
) -> RunReport:
    """The report of a run that `began` (ISO 8601), took `seconds` and ended with `error`, or with none."""
    tests = [{**test, "step": step["step"]} for step in steps for test in step.get("tests", [])]
    gates = [{"score": step.get("score", ""), **verdict} for step in steps for verdict in step.get("verdicts", [])]
    missing = [str(name) for step in steps for name in step.get("missing", [])]
    sound = all(map(harmless, tests)) and all(g["outcome"] == "Pass" for g in gates)
    outcome: Event = "failed" if error else "succeeded" if sound and not missing else "refused"
    return RunReport(
        pipeline, run, outcome, began, round(seconds, 2), error, rows_of(steps), tests, gates, missing,
        cost_of(steps, settings), list(steps),
    )  # fmt: skip


def rows_of(steps: Iterable[Json]) -> dict[str, int]:
    """Rows by table; a plain number counts for its step."""
    found: dict[str, int] = {}
    for step in steps:
        rows = step.get("rows")
        if isinstance(rows, Mapping):
            found |= {str(table): int(n) for table, n in rows.items()}
        elif rows is not None:
            found[f"{step['step']} {step.get('score', '')}".strip()] = int(rows)
    return found


def cost_of(steps: Iterable[Json], settings: Settings) -> Cost:
    """CPU and memory of the steps; a price only where one is set."""
    known = list(steps)
    cores = sum(step.get("cpu_seconds", 0.0) for step in known) / _HOUR_S
    memory = sum(step.get("seconds", 0.0) * step.get("peak_mib", 0.0) for step in known) / _MIB / _HOUR_S
    priced = settings.core_hour_price or settings.gib_hour_price
    amount = cores * settings.core_hour_price + memory * settings.gib_hour_price if priced else None
    rounded = None if amount is None else round(amount, 5)
    return Cost(round(cores, 5), round(memory, 5), rounded, settings.price_currency)


def write(report: RunReport, folder: Path) -> None:
    """Write FOLDER/run.json and FOLDER/run.html."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    (folder / JSON_FILE).write_text(json.dumps(asdict(report), indent=1, default=str, ensure_ascii=False) + "\n")
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    (folder / HTML_FILE).write_text(pages.get_template(_TEMPLATE).render(report=report))


def message(report: RunReport, folder: Path | None = None) -> Message:
    """What people are told of a run."""
    objections = report.objections
    text = "\n".join(objections[:_MOST_TOLD]) or "Every gate and every test passed."
    if len(objections) > _MOST_TOLD:
        text += f"\nand {len(objections) - _MOST_TOLD} more"
    figures = {"duration": f"{report.seconds:.0f} s", "rows": f"{sum(report.rows.values()):,}"}
    if report.tests:
        figures["tests"] = f"{report.passed} of {len(report.tests)} passed"
    if report.gates:
        figures["gates"] = f"{sum(g['outcome'] == 'Pass' for g in report.gates)} of {len(report.gates)} passed"
    figures["cost"] = cost_in_words(report.cost)
    link = str(folder / HTML_FILE) if folder else ""
    return Message(report.outcome, f"{report.pipeline} {report.outcome}", text, figures, link)


def cost_in_words(cost: Cost) -> str:
    """Such as "0.012 core hours, 0.034 GiB hours, 0.0021 USD"."""
    took = f"{cost.core_hours:.3g} core hours, {cost.gib_hours:.3g} GiB hours"
    return took if cost.amount is None else f"{took}, {cost.amount:.3g} {cost.currency}"
