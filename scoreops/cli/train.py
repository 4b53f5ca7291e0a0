"""`scoreops train`: the training pipeline on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, moment, table
from scoreops.core.errors import BadInput, Refused

if TYPE_CHECKING:
    from scoreops.adapters.settings import Settings

Until = Annotated[str, typer.Option(help="Use what happened before this whole hour, ISO 8601. Default: all.")]
Labels = Annotated[Path | None, typer.Option(help="JSON lines of labels. Default: the topic `labels`.")]
Rehearse = Annotated[
    str, typer.Option(help="Make gates refuse on purpose: trust=permuted, trust=drifted, success=drifted; by commas.")
]


@app.command(rich_help_panel="Models")
@handled
def train(
    *,
    until: Until = "",
    labels: Labels = None,
    coupled: Annotated[
        bool, typer.Option("--coupled", help="Train trust first and feed its score to success.")
    ] = False,
    rehearse: Rehearse = "",
    as_json: JsonFlag = False,
) -> None:
    """Run the pipeline kol_train: features, checks, drift gates, training, evaluation, registry.

    A candidate that passes every gate becomes the champion. Exit code 5 when a gate said no.

    Example: scoreops train --until 2026-03-22T00:00:00Z
    """
    from kfp_pipelines.run_local import run
    from scoreops.adapters.settings import Settings

    settings = Settings()
    arguments: dict[str, Any] = {"until": _hour(until, settings), "labels": str(labels.resolve()) if labels else ""}
    arguments |= {"rehearse": rehearse, "fusion": not rehearse}
    with err.status("training: features") as status:
        pipeline = "kol_train_coupled" if coupled else "kol_train"
        reports = run(pipeline, arguments, settings, lambda doing: status.update(f"training: {doing} done"))
    if as_json:
        emit(reports)
    else:
        show(reports)
    said = [v for report in reports for v in report.get("verdicts", []) if v["outcome"] != "Pass"]
    if said:
        raise Refused("; ".join(f"{verdict['gate']}: {verdict['reason']}" for verdict in said))


def _hour(text: str, settings: Settings) -> int:
    if not text:
        from feature_repo.lake_writer import lake_span, open_lake

        return lake_span(open_lake(settings))[1]
    seconds = moment(text, "--until").timestamp()
    if seconds % 3600:
        raise BadInput(f"{text!r} is no whole hour", "--until")
    return int(seconds) // 3600


def show(reports: list[dict[str, Any]]) -> None:
    """Gates and results as tables."""
    rows = [
        (report.get("score", "fusion"), verdict["gate"], verdict["outcome"], f"{verdict['n']:,}", verdict["reason"])
        for report in reports
        for verdict in report.get("verdicts", [])
    ]
    table("Gates", ("score", "gate", "verdict", "n", "why"), rows)
    for report in reports:
        if report["step"] == "register":
            console.print(f"{report['score']} version {report['version']} is registered as {report['alias']}")
    took = ", ".join(f"{r['step']} {r.get('score', '')} {r['seconds']:.0f} s".replace("  ", " ") for r in reports)
    err.print(took, highlight=False)
