"""`scoreops demo`: the whole loop on this machine."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled


@app.command(rich_help_panel="Runtime")
@handled
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running and say where to look.")] = False,
    posts: Annotated[Path | None, typer.Option(help="Replay an export of real posts instead.")] = None,
    kols: Annotated[int, typer.Option(min=200, help="Influencers of the generated world.")] = 500,
    days: Annotated[int, typer.Option(min=15, help="Days of its history.")] = 21,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same world.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Run everything once: events, features, training, gates, serving, decisions, alerts, a rollback.

    Example: scoreops demo --keep
    """
    from scoreops.adapters.settings import Settings
    from scoreops.local.demo_report import Reporter

    settings, began = Settings(), time.monotonic()
    reporter = Reporter(err if as_json else console)
    if posts is not None:
        from scoreops.local.demo_posts import run_posts

        made = run_posts(settings, posts, reporter, keep=keep)
    else:
        from scoreops.local.demo import run_demo
        from scoreops.local.demo_summary import Plan

        made = asdict(run_demo(settings, Plan(kols=kols, days=days, seed=seed), reporter, keep=keep))
    home = settings.root / "demo"
    if as_json:
        emit(made)
    else:
        console.print(f"done in {time.monotonic() - began:.0f} s; all figures: {home / 'summary.json'}", soft_wrap=True)
    if keep:
        where = settings.model_copy(update={"home": home})
        err.print(f"MLflow {where.mlflow_url}  API http://{where.host}:{where.console_port}/docs", soft_wrap=True)
        err.print(f"SCOREOPS_HOME={home} scoreops rank; scoreops down stops everything", soft_wrap=True)
