"""`scoreops stream`, `backfill`: events into features."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, counting, emit, handled, moment, table
from scoreops.core import garbage
from scoreops.core.errors import Unsupported

if TYPE_CHECKING:
    from feature_repo.alerts import AlertEngine
    from feature_repo.feature_stream import FeatureStream
    from feature_repo.stream import OnBatch
    from feature_repo.tile_state import Applied, TileState
    from scoreops.adapters.settings import Settings

_HELD: Final = 200_000
"""Objects of some batches of events."""
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
    elif sink == "online" and engine == "spark":
        counts = _spark(settings, stop, until_idle=until_idle)
    else:
        raise Unsupported(
            f"the engine {engine!r} with the sink {sink!r} is not one of plain/online, plain/lake, spark/online"
        )
    _show(f"stream to {sink}", counts, as_json=as_json)


def _online(settings: Settings, stop: threading.Event, *, until_idle: bool) -> dict[str, Any]:
    from feature_repo.stream import PlainRunner, open_state

    state = open_state(settings)
    alerts, features, told = _told(settings, state)
    garbage.settle(_HELD)
    progress = PlainRunner(settings, state, told).run(stop, until_idle=until_idle)
    return progress.summary() | {"alerts": alerts.opened, "features": features.published}


def _spark(settings: Settings, stop: threading.Event, *, until_idle: bool) -> dict[str, Any]:
    from feature_repo.spark_stream import JOB, SparkRunner
    from feature_repo.stream import open_state
    from scoreops.local.jars import fetch

    state = open_state(settings, JOB)
    alerts, features, told = _told(settings, state)
    progress = SparkRunner(settings, state, fetch("spark"), told).run(stop, until_idle=until_idle)
    return progress.summary() | {"alerts": alerts.opened, "features": features.published}


def _told(settings: Settings, state: TileState) -> tuple[AlertEngine, FeatureStream, OnBatch]:
    """Who hears of each committed batch: the alert rules and the topic of features."""
    from feature_repo.alerts import AlertEngine
    from feature_repo.feature_stream import FeatureStream
    from scoreops.adapters.alert_book import AlertBook
    from scoreops.adapters.kafka import FastProducer

    producer = FastProducer(settings.kafka_bootstrap)
    alerts = AlertEngine(state, AlertBook(settings.redis_url), producer)
    features = FeatureStream(state, producer)

    def told(applied: Applied) -> None:
        alerts(applied)
        features(applied)

    return alerts, features, told


def _lake(settings: Settings, stop: threading.Event, *, until_idle: bool) -> dict[str, Any]:
    from feature_repo.lake_writer import LakeWriter
    from feature_repo.score_sink import ScoreSink

    ended, failed = threading.Event(), list[BaseException]()
    sink = ScoreSink(settings)

    def sinking() -> None:
        try:
            sink.run(ended)
        except BaseException as error:  # noqa: BLE001 - both end, and the command says why
            failed.append(error)
            stop.set()

    worker = threading.Thread(target=sinking, name="scores")
    writer = LakeWriter(settings)
    worker.start()
    garbage.settle(_HELD)
    try:
        counts = asdict(writer.run(stop, until_idle=until_idle))
    finally:
        ended.set()
        worker.join()
    if failed:
        raise failed[0]
    return counts | {"scores": sink.rows}


@app.command(rich_help_panel="Features")
@handled
def backfill(
    *,
    since: Annotated[str, typer.Option(help="First hour, ISO 8601. Default: the lake's.")] = "",
    until: Annotated[str, typer.Option(help="The hour after the last, ISO 8601. Default: the lake's.")] = "",
    alerts_only: Annotated[bool, typer.Option("--alerts-only", help="Judge, but leave the tiles alone.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fold the lake's raw events into tiles again, and judge the history by the alert rules.

    Example: scoreops backfill --since 2026-03-01T00:00:00Z
    """
    from feature_repo.backfill import backfill as run
    from feature_repo.lake_writer import lake_span, open_lake
    from scoreops.adapters.settings import Settings

    settings = Settings()
    span = lake_span(open_lake(settings))
    given = (since and moment(since, "--since"), until and moment(until, "--until"))
    start, stop = (int(at.timestamp()) // 3600 if at else edge for at, edge in zip(given, span, strict=True))
    with counting("backfilling", "hours") as bar:
        made = run(settings, start, stop, tiles=not alerts_only, progress=bar.set)
    _show("backfill", made._asdict(), as_json=as_json)


def _show(title: str, counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(counts)
    else:
        table(title, ("what", "number"), [(name, f"{value:,}") for name, value in counts.items()])
