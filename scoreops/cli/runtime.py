"""`scoreops up`, `down`, `status`, `doctor`: the embedded runtime."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table

if TYPE_CHECKING:
    from scoreops.adapters.settings import Settings
    from scoreops.local.score_status import ScoreStatus

Names = Annotated[list[str] | None, typer.Argument(help="Components to start; all when none is named.")]


@app.command(rich_help_panel="Runtime")
@handled
def up(names: Names = None, *, as_json: JsonFlag = False) -> None:
    """Start Kafka, Valkey and MLflow in the background and wait until each is ready.

    They go on running when this command has ended. What runs already is left alone.

    Example: scoreops up kafka valkey
    """
    from feature_repo.feast_store import write_config
    from scoreops.adapters.settings import Settings
    from scoreops.local import runtime

    settings = Settings()
    write_config(settings)
    chosen = names or list(runtime.COMPONENTS)
    with err.status(f"starting {', '.join(chosen)}"), runtime.interruptible():
        runtime.up([runtime.component(name, settings) for name in chosen])
    _show(settings, as_json=as_json)


@app.command(rich_help_panel="Runtime")
@handled
def down(*, as_json: JsonFlag = False) -> None:
    """Stop everything that runs under this HOME, the demo's included, and what a crash left behind. Its data stay.

    Example: scoreops down
    """
    from scoreops.adapters.settings import Settings
    from scoreops.local import runtime

    with err.status("stopping"):
        settings = Settings()
        homes = (settings, settings.model_copy(update={"home": settings.root / "demo"}))
        stopped = [name for home in homes for name in runtime.down(home)]
    if as_json:
        emit({"stopped": stopped})
    else:
        console.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command(rich_help_panel="Runtime")
@handled
def status(*, as_json: JsonFlag = False) -> None:
    """Tell what runs, and of each score which version was trained, passed its gates and answers: the same one, or not.

    Example: scoreops status --json
    """
    from dataclasses import asdict

    from scoreops.adapters.settings import Settings
    from scoreops.local import runtime

    settings = Settings()
    scores, problem = _scores(settings)
    if as_json:
        services = [service._asdict() for service in runtime.status(settings)]
        emit({"services": services, "scores": [asdict(each) for each in scores], "problem": problem})
        return
    _show(settings, as_json=False)
    if problem:
        console.print(f"scores: {problem}", highlight=False, soft_wrap=True)
        return
    rows = [
        (s.score, s.trained, s.gated, s.champion, s.served, s.predicted, "yes" if s.same else "no", _age(s.age_s))
        for s in scores
        if s.trained is not None
    ]
    columns = ("score", "trained", "gated", "champion", "served", "tables", "same", "age")
    table("Newest version of each score, and those that passed, answer, stand in tables", columns, rows)


def _scores(settings: Settings) -> tuple[list[ScoreStatus], str]:
    """The scores, or why nothing is known of them."""
    import time

    from scoreops.core.errors import ScoreOpsError
    from scoreops.local.score_status import score_status

    try:
        return score_status(settings, time.time()), ""
    except ScoreOpsError as error:
        return [], str(error).partition("\n")[0]


def _show(settings: Settings, *, as_json: bool) -> None:
    from scoreops.local import runtime

    found = runtime.status(settings)
    if as_json:
        emit([service._asdict() for service in found])
        return
    rows = [(s.name, s.state, s.pid, " ".join(map(str, s.ports)), s.rss_mb, _clock(s.since)) for s in found]
    table(f"Services of {settings.root}", ("service", "state", "pid", "ports", "MB", "since (UTC)"), rows)
    console.print(f"logs: {settings.root / 'logs'}", highlight=False, soft_wrap=True)


def _clock(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = int(seconds) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"


@app.command(rich_help_panel="Runtime")
@handled
def doctor(*, as_json: JsonFlag = False) -> None:
    """Say what this machine lacks or has in the way. Exit code 1 when something is missing.

    Example: scoreops doctor
    """
    from scoreops.adapters.settings import Settings
    from scoreops.local.doctor import examine

    found = examine(Settings())
    if as_json:
        emit([check._asdict() for check in found])
    else:
        table("Doctor", ("check", "state", "detail"), [(c.name, c.state, c.detail) for c in found])
    if any(check.state == "missing" for check in found):
        raise typer.Exit(1)
