"""`scoreops sme ...`: which invoices to chase, how much cash there will be, which transactions are odd."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from scoreops.cli.app import app
from scoreops.cli.export import CsvFile, XlsxFile, export
from scoreops.cli.money import amount
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table
from scoreops.core.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feature_repo.sme.bronze import Loaded

sme = typer.Typer(name="sme", help="Receivables, cash and odd transactions of small companies.", no_args_is_help=True)
app.add_typer(sme, rich_help_panel="SME Pulse")

Org = Annotated[str, typer.Option("--org", help="The company.")]
By = Annotated[Literal["rule", "expected-cash"], typer.Option(help="Order of the list.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="So many rows at most.")]


def day(text: str, name: str) -> date:
    """A day given on the command line. Raises BadInput unless it is one."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no day like 2026-03-31", name) from error


def deliver(
    rows: Sequence[Mapping[str, Any]], *, as_json: bool, csv_file: Path | None, xlsx_file: Path | None, sheet: str
) -> bool:
    """Write the files that are asked for, and JSON. Returns whether a table is still wanted."""
    for file in export(rows, csv_file, xlsx_file, sheet):
        err.print(f"wrote {file}", highlight=False, soft_wrap=True)
    if as_json:
        emit(list(rows))
    return not (as_json or csv_file or xlsx_file)


@sme.command()
@handled
def worklist(
    *,
    org: Org,
    by: By = "rule",
    limit: Limit = 20,
    csv_file: CsvFile = None,
    xlsx_file: XlsxFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Open invoices, the first to chase first, with the points behind their place.

    Example: scoreops sme worklist --org org-000 --by expected-cash --xlsx calls.xlsx
    """
    from feature_repo.sme.gold import worklist as read
    from scoreops.adapters.settings import Settings

    rows = read(Settings(), org, by=by, limit=limit)
    if not deliver(rows, as_json=as_json, csv_file=csv_file, xlsx_file=xlsx_file, sheet="worklist"):
        return
    if not rows:
        console.print(f"{org} has no open invoice")
        return
    currency = rows[0]["currency"]
    columns = ("invoice", "customer", currency, "due", "score", "points", "late", "P")
    lines = [
        (
            row["invoice_id"],
            row["customer_id"],
            amount(row["open_amount_minor"], currency),
            f"{-row['days_overdue']:+d} d",
            f"{row['priority_score']} {row['tier']}",
            f"{row['overdue_points']}+{row['amount_points']}+{row['risk_points']}",
            f"{row['other_late_invoices']}/{row['other_invoices']}",
            "" if row["p_late"] is None else f"{row['p_late']:.0%}",
        )
        for row in rows
    ]
    table(f"Invoices of {org} to chase, as of {rows[0]['as_of']}, by {by}", columns, lines)
    console.print(
        "points: overdue + amount + risk; late: of the customer's other invoices in a year; P: of paying late"
    )


@sme.command()
@handled
def generate(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to, one folder a day.")] = Path(".run/sme/landing"),
    orgs: Annotated[int, typer.Option(min=1, max=999, help="Companies.")] = 12,
    days: Annotated[int, typer.Option(min=30, max=1500, help="Days of their history.")] = 540,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Generate companies with known truth: files as their systems would deliver them, mistakes included.

    Example: scoreops sme generate --orgs 12 --days 540 --seed 7
    """
    from feature_repo.sme.landing import write_world

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
    landing: Annotated[Path, typer.Option(help="Folder of delivered files.")] = Path(".run/sme/landing"),
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

    days = days_in(landing)
    if not days and not as_of:
        raise BadInput(f"{landing} holds no day yet, so --as-of is needed", "--as-of")
    until = day(as_of, "--as-of") if as_of else days[-1]
    with err.status(f"building {until}"):
        made = load_and_build(Settings(), landing, until, full_refresh=full_refresh)
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
