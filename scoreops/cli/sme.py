"""`scoreops sme generate|import|build|demo`: from delivered files to tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreops.cli.output import JsonFlag, console, emit, err, handled, table
from scoreops.cli.sme_app import sme
from scoreops.core.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feature_repo.sme.bronze import Loaded
    from scoreops.adapters.settings import Settings

Landing = Annotated[Path | None, typer.Option(help="Folder of delivered files by day. Default: HOME/sme/landing.")]


def landing_of(settings: Settings, given: Path | None) -> Path:
    """Where files are delivered to."""
    return given or settings.root / "sme" / "landing"


def day(text: str, name: str) -> date:
    """A day given on the command line. Raises BadInput unless it is one."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no day like 2026-03-31", name) from error


@sme.command()
@handled
def generate(
    *,
    landing: Landing = None,
    orgs: Annotated[int, typer.Option(min=1, max=999, help="Companies.")] = 12,
    days: Annotated[int, typer.Option(min=30, max=1500, help="Days of their history.")] = 540,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Generate companies with known truth: files as their systems would deliver them, mistakes included.

    Example: scoreops sme generate --orgs 12 --days 540 --seed 7
    """
    from feature_repo.sme.landing import write_world
    from scoreops.adapters.settings import Settings

    out = landing_of(Settings(), landing)
    made = write_world(out, orgs=orgs, days=days, seed=seed)
    if as_json:
        emit(made)
        return
    rows = [(name, f"{count:,}") for name, count in made["rows"].items()]
    table(f"{orgs} companies from {made['start']} to {made['end']} in {out}", ("table", "rows"), rows)


@sme.command()
@handled
def build(
    *,
    landing: Landing = None,
    as_of: Annotated[str, typer.Option(help="Tell everything as it was known at the end of this day.")] = "",
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build every table anew.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Load what was delivered up to a day into bronze, and build silver and gold with every test.

    Example: scoreops sme build --as-of 2026-03-31
    """
    from dataclasses import asdict

    from feature_repo.sme.bronze import days_in
    from feature_repo.sme.daily import load_and_build
    from scoreops.adapters.settings import Settings

    settings = Settings()
    folder = landing_of(settings, landing)
    days = days_in(folder)
    if not days and not as_of:
        raise BadInput(f"{folder} holds no day yet, so --as-of is needed", "--as-of")
    until = day(as_of, "--as-of") if as_of else days[-1]
    with err.status(f"building {until}"):
        made = load_and_build(settings, folder, until, full_refresh=full_refresh)
    if as_json:
        emit(asdict(made))
        return
    table(f"Loaded up to {until}", ("table", "lines", "accepted", "quarantined", "repeats"), accounted(made.files))
    for file in made.files:
        if file.quarantined or file.repeats == file.lines:
            said = f"{file.quarantined:,} of {file.lines:,} lines quarantined, {file.repeats:,} repeats"
            console.print(f"  {file.source}: {said}", highlight=False, soft_wrap=True)
    built = made.built
    console.print(f"{built.models} tables built, {built.passed} of {len(built.tests)} tests passed")
    if built.failed:
        raise Refused("; ".join(f"{test.name}: {test.failures:,} rows" for test in built.failed))


def accounted(files: Sequence[Loaded]) -> list[tuple[str, ...]]:
    """Lines of some files by table, and in sum."""
    names = ("lines", "accepted", "quarantined", "repeats")
    made = []
    for name in dict.fromkeys([*sorted(file.table for file in files), ""]):
        chosen = [file for file in files if name in ("", file.table)]
        sums = [sum(getattr(file, what) for file in chosen) for what in names]
        made.append((name or "all", *(f"{number:,}" for number in sums)))
    return made


@sme.command()
@handled
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave MLflow running and say where to look.")] = False,
    orgs: Annotated[int, typer.Option(min=2, max=999, help="Companies.")] = 12,
    days: Annotated[int, typer.Option(min=200, max=1500, help="Days of their history.")] = 540,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same world.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Run everything once: generated files, bronze, silver, gold, training, predictions, and how good they were.

    Example: scoreops sme demo --orgs 12
    """
    from dataclasses import asdict

    from scoreops.adapters.settings import Settings
    from scoreops.local.demo_report import Reporter
    from scoreops.local.sme_demo import Plan, run_sme_demo

    plan = Plan(orgs=orgs, days=days, seed=seed)
    summary, home = run_sme_demo(Settings(), plan, Reporter(err if as_json else console), keep=keep)
    if as_json:
        emit(asdict(summary))
        return
    console.print(f"all figures: {home / 'summary.json'}", soft_wrap=True)
    console.print(f"SCOREOPS_HOME={home} scoreops sme worklist --org org-000", soft_wrap=True)


@sme.command("import")
@handled
def import_(
    name: Annotated[str, typer.Argument(help="ar_h2habba, fraud_handbook_sim or online_retail_hourly.")],
    *,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets. Default: SCOREOPS_DATA.")] = None,
    landing: Landing = None,
    as_json: JsonFlag = False,
) -> None:
    """Turn a public data set into delivered files; `scoreops sme build` then loads them like any other.

    Example: scoreops sme import ar_h2habba
    """
    from feature_repo.sme.importing import import_set
    from scoreops.adapters.settings import Settings

    settings = Settings()
    out = landing_of(settings, landing)
    last, rows = import_set(name, data or settings.data, out)
    if as_json:
        emit({"day": last.isoformat(), "rows": rows})
        return
    table(f"{name} delivered on {last} in {out}", ("table", "rows"), [(k, f"{n:,}") for k, n in rows.items()])
