"""`scoreops generate`, `replay`, `collect`: events into the log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, counting, emit, err, handled, moment, table
from scoreops.core.errors import BadInput

if TYPE_CHECKING:
    from ingestion.replay import Counts

Files = Annotated[list[Path] | None, typer.Argument(help="JSONL (also .gz), Parquet or an export.")]
Format = Annotated[str, typer.Option("--format", help="events, labels, instafake or retail.")]
Speed = Annotated[float, typer.Option(min=0, help="Event time passes so many times faster; 0: as fast as possible.")]
Since = Annotated[str, typer.Option(help="Begin with the first event at this time or later, ISO 8601.")]
Until = Annotated[str, typer.Option(help="Stop before the first event at this time or later, ISO 8601.")]


@app.command(rich_help_panel="Events")
@handled
def generate(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(".run/world"),
    kols: Annotated[int, typer.Option(min=1, help="Influencers.")] = 500,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 21,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Generate a world: events as they would arrive, labels of past campaigns, and the truth to judge by.

    Example: scoreops generate --kols 500 --days 21 --seed 7 --out .run/world
    """
    from ingestion.generate import write_world

    with counting("generating", "events") as bar:
        made = write_world(out, kols=kols, days=days, seed=seed, progress=bar.set)
    if as_json:
        emit({"out": str(out), **made})
        return
    rows = [(name, f"{count:,}") for name, count in (made["events"] | made["by_type"]).items()]
    table(f"World of {kols} KOLs, {made['start']} to {made['end']}, in {out}", ("lines", "number"), rows)


@app.command(rich_help_panel="Events")
@handled
def replay(
    files: Files = None,
    *,
    form: Format = "events",
    speed: Speed = 0.0,
    since: Since = "",
    until: Until = "",
    from_dlq: Annotated[bool, typer.Option("--from-dlq", help="Try the dead letters again.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="With --from-dlq: write them here, one a line, to repair.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Send files to the log, each line to its topic; what does not fit becomes a dead letter with the reason.

    Repair dead letters by exporting them, editing the file and replaying it.

    Example: scoreops replay .run/world/events.jsonl.gz --speed 60 --since 2026-03-22T00:00:00Z
    """
    from ingestion.replay import between, letters, lines
    from ingestion.replay import replay as send
    from scoreops.adapters.settings import Settings

    settings = Settings()
    if not files and not from_dlq:
        raise BadInput("name a file to replay, or --from-dlq", "files")
    source = letters(settings) if from_dlq else (line for path in files or [] for line in lines(path, form))
    if export is not None:
        written = [export.open("ab").write(line.raw.replace(b"\n", b" ") + b"\n") > 0 for line in source]
        err.print(f"{len(written)} dead letters in {export}")
        return
    source = between(source, _time(since, "--since"), _time(until, "--until"))
    with counting("replaying", "lines") as bar:
        counts = send(
            source, settings, form=form, speed=speed, bury=not from_dlq, progress=lambda c: bar.set(c.produced)
        )
    _show(counts, as_json=as_json)


def _time(text: str, name: str) -> datetime | None:
    return moment(text, name) if text else None


def _show(counts: Counts, *, as_json: bool) -> None:
    totals = {"produced": counts.produced, "accepted": counts.accepted, "dead_lettered": counts.dead_lettered}
    if as_json:
        emit(totals | {"reasons": dict(counts.reasons.most_common())})
        return
    table("Replayed", ("lines", "number"), [(name, f"{n:,}") for name, n in totals.items()])
    if counts.reasons:
        table("Why refused", ("reason", "number"), counts.reasons.most_common(20))


@app.command(rich_help_panel="Events")
@handled
def collect(
    *,
    port: Annotated[int | None, typer.Option(help="Port. Default: SCOREOPS_PORT_BASE + 70.")] = None,
) -> None:
    """Serve the HTTP collector until Ctrl-C: POST /v1/events with X-API-Key (HOME/secrets/api_key), docs at /docs.

    Example: scoreops collect --port 8070
    """
    import uvicorn

    from ingestion.collector import create_app
    from scoreops.adapters.kafka import SlowProducer, ensure_topics
    from scoreops.adapters.settings import Settings
    from scoreops.kol.events import TOPICS

    settings = Settings()
    ensure_topics(settings.kafka_bootstrap, TOPICS)
    keys = {name: settings.secret(name) for name in ("api_key", "pseudonym_key")}
    sender = SlowProducer(settings.kafka_bootstrap)
    uvicorn.run(
        create_app(sender, **keys), host=settings.host, port=port or settings.collector_port, log_level="warning"
    )
