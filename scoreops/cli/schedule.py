"""`scoreops schedule list|next|run|export`: pipelines at their times."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, moment, table
from scoreops.core.errors import BadInput, Refused, ScoreOpsError

schedule: Final = typer.Typer(no_args_is_help=True, help="Pipelines at their times, on this machine.")
app.add_typer(schedule, name="schedule", rich_help_panel="Models")


@schedule.command("list")
@handled
def list_(*, as_json: JsonFlag = False) -> None:
    """List every schedule with its next time and how its last run ended.

    Example: scoreops schedule list
    """
    from kfp_pipelines.schedules import SCHEDULES, ZONE
    from scoreops.adapters.settings import Settings
    from scoreops.local.scheduler import now, open_book

    book, found = open_book(Settings()), []
    for each in SCHEDULES:
        last = next(iter(book.runs(each.pipeline, 1)), None)
        found.append(
            {
                "pipeline": each.pipeline,
                "cron": each.cron,
                "zone": ZONE.key,
                "meaning": each.meaning,
                "next": next(each.times(now())),
                "last": None if last is None else last.began.astimezone(ZONE),
                "outcome": "never" if last is None else last.outcome or "running",
                "report": "" if last is None else last.report,
            }
        )
    if as_json:
        emit(found)
        return
    rows = [(f["pipeline"], f["cron"], _shown(f["next"]), _shown(f["last"]), f["outcome"]) for f in found]
    table(f"Schedules, times in {ZONE.key}", ("pipeline", "cron", "next", "last run", "outcome"), rows)
    for f in found:
        console.print(f"{f['pipeline']}: {f['meaning']}", highlight=False, soft_wrap=True)


@schedule.command("next")
@handled
def next_(
    *,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
    after: Annotated[str, typer.Option(help="After this moment, ISO 8601. Default: now.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Tell which runs come next, of all schedules together.

    Example: scoreops schedule next --count 5
    """
    from heapq import merge
    from itertools import islice

    from kfp_pipelines.schedules import SCHEDULES, ZONE
    from scoreops.adapters.settings import Settings
    from scoreops.local.scheduler import now

    landing = str(Settings().landing_dir)
    start = moment(after, "--after") if after else now()
    streams = [((at, each.pipeline, each) for at in each.times(start)) for each in SCHEDULES]
    coming = list(islice(merge(*streams, key=lambda item: item[:2]), count))
    if as_json:
        emit([{"at": at, "pipeline": name, "arguments": each.filled(at, landing)} for at, name, each in coming])
        return
    rows = [(_shown(at), name, _arguments(each.filled(at, landing))) for at, name, each in coming]
    table(f"Coming runs, times in {ZONE.key}", ("at", "pipeline", "arguments"), rows)


@schedule.command()
@handled
def run(
    pipeline: Annotated[str, typer.Argument(help="One pipeline, now and once. Default: the scheduler.")] = "",
    *,
    due: Annotated[str, typer.Option(help="With a pipeline: the moment that it is due for, ISO 8601.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Run every pipeline at its times until Ctrl-C, or one pipeline now.

    What was due while no scheduler ran is run once. Each run leaves a report, and who is named in the file of
    SCOREOPS_INTEGRATIONS is told. Of one pipeline: exit code 5 when a gate or a test said no, 1 when a step failed.

    Examples: scoreops schedule run
    scoreops schedule run kol_train
    """
    if not pipeline:
        if due:
            raise BadInput("belongs to one pipeline; name it", "--due")
        _serve()
        return
    _run(pipeline, moment(due, "--due") if due else None, as_json=as_json)


def _serve() -> None:
    import signal
    import threading

    from kfp_pipelines.schedules import SCHEDULES, ZONE
    from scoreops.adapters.settings import Settings
    from scoreops.local.scheduler import Scheduler, as_command

    settings, stop = Settings(), threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    names = ", ".join(each.pipeline for each in SCHEDULES)
    err.print(f"scheduling {names} in {ZONE.key}; logs in {settings.root / 'logs'}", soft_wrap=True)
    Scheduler(settings, SCHEDULES, as_command).run(stop)


def _run(pipeline: str, due: datetime | None, *, as_json: bool) -> None:
    from dataclasses import asdict

    from kfp_pipelines.report import cost_in_words
    from kfp_pipelines.schedules import schedule as schedule_of
    from scoreops.adapters.settings import Settings
    from scoreops.local.scheduler import now, run_once

    each = schedule_of(pipeline)
    with err.status(f"running {pipeline}") as status:
        told = lambda doing: status.update(f"{pipeline}: {doing} done")  # noqa: E731
        made = run_once(Settings(), each, due or now(), told, by_hand=due is None)
    if made is None:
        err.print(f"the run of {pipeline} that was due at {due} was done before")
        return
    report, deliveries = made
    if as_json:
        emit(asdict(report) | {"told": [asdict(each) for each in deliveries]})
    else:
        table(f"Rows of {report.run}", ("table", "rows"), [(name, f"{n:,}") for name, n in report.rows.items()])
        console.print(f"{report.pipeline} {report.outcome} after {report.seconds:.0f} s: {cost_in_words(report.cost)}")
        for delivery in deliveries:
            console.print(f"{delivery.channel}: {'told' if delivery.ok else delivery.error}", soft_wrap=True)
    if report.outcome == "failed":
        raise ScoreOpsError(report.error)
    if report.outcome == "refused":
        raise Refused("; ".join(report.objections))


@schedule.command()
@handled
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go.", show_default=False)],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Write each schedule as a recurring run of Kubeflow Pipelines: the body of POST /apis/v2beta1/recurringruns.

    Example: scoreops schedule export build/recurring-runs
    """
    from kfp_pipelines.schedules import SCHEDULES
    from scoreops.local.scheduler import write_recurring_runs

    files = write_recurring_runs(SCHEDULES, folder)
    if as_json:
        emit([str(file) for file in files])
    else:
        console.print(f"wrote {', '.join(file.name for file in files)} to {folder}", soft_wrap=True)


def _shown(at: Any) -> str:
    from kfp_pipelines.schedules import ZONE

    return "" if at is None else at.astimezone(ZONE).strftime("%a %Y-%m-%d %H:%M")


def _arguments(filled: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filled.items())
