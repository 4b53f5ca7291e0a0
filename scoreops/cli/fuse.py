"""`scoreops fuse`, `rank`, `explain`, `alerts`: decisions about KOLs."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, moment, table

if TYPE_CHECKING:
    from predictors.deciding import Round

Top = Annotated[int, typer.Option(min=1, help="How many to show.")]


@app.command(rich_help_panel="Decisions")
@handled
def fuse(
    *,
    once: Annotated[bool, typer.Option("--once", help="Decide for the newest minute and end.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Decide about every KOL in every minute of event time, until Ctrl-C.

    Example: scoreops fuse --once
    """
    from predictors.fusing import FusionLoop
    from scoreops.adapters.settings import Settings

    loop = FusionLoop(Settings())
    if once:
        made = loop.once()
        _listed(sorted(made.records, key=lambda record: record["outputs"]["rank"]), 20, as_json=as_json)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop.run(stop, _progress)
    if as_json:
        emit({"decided": loop.decided, "skipped": loop.skipped})


def _progress(made: Round) -> None:
    if made.records:
        first = min(made.records, key=lambda record: record["outputs"]["rank"])
        err.print(f"{first['as_of']}: {len(made.records)} KOLs, first is {first['kol_id']}", highlight=False)


@app.command(rich_help_panel="Decisions")
@handled
def rank(
    *,
    top: Top = 20,
    min_trust: Annotated[float, typer.Option(min=0, max=100, help="Leave out KOLs with a lower trust.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """List KOLs by expected value as it stands now.

    Example: scoreops rank --top 10 --min-trust 60
    """
    from scoreops.adapters.score_book import ScoreBook
    from scoreops.adapters.settings import Settings

    records = ScoreBook(Settings().redis_url).all()
    _listed([r for r in records if (r["inputs"]["trust"] or 0) >= min_trust], top, as_json=as_json)


def _listed(records: list[dict[str, Any]], top: int, *, as_json: bool) -> None:
    if as_json:
        emit(records[:top])
        return
    from scoreops.kol.decision_text import COLUMNS, line

    title = f"Expected value of the next 24 hours, as of {records[0]['as_of']}" if records else "Nobody has a score yet"
    table(title, COLUMNS, map(line, records[:top]))


@app.command(rich_help_panel="Decisions")
@handled
def explain(
    kol: Annotated[str, typer.Argument(help="Which KOL.")],
    *,
    as_of: Annotated[str, typer.Option(help="As it stood then, ISO 8601. Default: now.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Say why a KOL has its score: inputs, versions and reasons, now or as they stood at a time.

    Example: scoreops explain kol-00042 --as-of 2026-03-22T01:30:00Z
    """
    from feature_repo.score_sink import explained
    from scoreops.adapters.score_book import ScoreBook
    from scoreops.adapters.settings import Settings

    settings = Settings()
    record = explained(settings, kol, moment(as_of, "--as-of")) if as_of else ScoreBook(settings.redis_url).of(kol)
    if as_json:
        emit(record)
        return
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    table(
        f"{kol} ({record['platform']}) as of {record['as_of']}; versions: {versions}",
        ("what", "value"),
        [
            *((f"input {name}", _shown(value)) for name, value in record["inputs"].items()),
            *((f"output {name}", _shown(value)) for name, value in record["outputs"].items()),
            ("replaced by its moving average", ", ".join(record["stale"]) or "nothing"),
            ("alert", record["alert"] or "none"),
        ],
    )
    for reason in record["reasons"]:
        console.print(reason, highlight=False)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


@app.command(rich_help_panel="Decisions")
@handled
def alerts(
    *,
    top: Top = 20,
    ack: Annotated[str, typer.Option(help="Acknowledge the alert with this id.")] = "",
    by: Annotated[str, typer.Option(help="Who acknowledges.")] = "cli",
    as_json: JsonFlag = False,
) -> None:
    """List the newest alerts, or acknowledge one.

    Example: scoreops alerts --ack 0123456789abcdef --by linh
    """
    from scoreops.adapters.alert_book import AlertBook
    from scoreops.adapters.settings import Settings

    book = AlertBook(Settings().redis_url)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = [book.acknowledge(ack, by, now)] if ack else book.newest(top)
    if as_json:
        emit(found)
        return
    rows = [
        (
            datetime.fromtimestamp(alert["event_us"] / 1e6, UTC).strftime("%m-%d %H:%M"),
            alert["alert_id"],
            alert["rule"],
            alert["kol_id"],
            alert["severity"],
            alert["message"],
            alert.get("acknowledged_by", ""),
        )
        for alert in found
    ]
    table("Alerts", ("until (UTC)", "id", "rule", "KOL", "severity", "what", "seen by"), rows)
