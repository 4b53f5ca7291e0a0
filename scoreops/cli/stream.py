"""`scoreops stream`, `backfill`: events into features."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, emit, err, handled, table
from scoreops.core.errors import Unsupported

if TYPE_CHECKING:
    from scoreops.adapters.settings import Settings

Engine = Annotated[str, typer.Option(help="plain (this process) or spark (Structured Streaming).")]
Sink = Annotated[str, typer.Option(help="online (tiles, features and alerts in Valkey) or lake (Iceberg).")]
UntilIdle = Annotated[bool, typer.Option("--until-idle", help="End once everything on the log now was read.")]


@app.command(rich_help_panel="Features")
@handled
def stream(
    *, engine: Engine = "plain", sink: Sink = "online", until_idle: UntilIdle = False, as_json: JsonFlag = False
) -> None:
    """Fold events from the log into tiles and features until Ctrl-C; each sink is one process with its own place.

    Example: scoreops stream --sink lake --until-idle
    """
    from scoreops.adapters.settings import Settings

    settings, stop = Settings(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if sink == "lake" and engine == "plain":
        counts = _lake(settings, stop, until_idle=until_idle)
    elif sink == "online" and engine == "plain":
        counts = _online(settings, stop, until_idle=until_idle)
    else:
        raise Unsupported(f"the engine {engine!r} with the sink {sink!r} is not one of plain/online, plain/lake")
    _show(f"stream to {sink}", counts, as_json=as_json)


def _online(settings: Settings, stop: threading.Event, *, until_idle: bool) -> dict[str, Any]:
    from feature_repo.stream import PlainRunner, open_state

    progress = PlainRunner(settings, open_state(settings)).run(stop, until_idle=until_idle)
    return progress.summary()


def _lake(settings: Settings, stop: threading.Event, *, until_idle: bool) -> dict[str, Any]:
    from feature_repo.lake_writer import LakeWriter

    return asdict(LakeWriter(settings).run(stop, until_idle=until_idle))


def _show(title: str, counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(counts)
    else:
        table(title, ("what", "number"), [(name, f"{value:,}") for name, value in counts.items()])
    err.print("done" if counts else "nothing to do", highlight=False)
