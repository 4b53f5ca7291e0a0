"""`scoreops sme worklist|cash|anomalies`: what people read every morning."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from scoreops.cli.export import CsvFile, XlsxFile, export
from scoreops.cli.money import amount, spark
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table
from scoreops.cli.sme_app import sme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Org = Annotated[str, typer.Option("--org", help="The company.")]
By = Annotated[Literal["rule", "expected-cash"], typer.Option(help="Order of the list.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="So many rows at most.")]
Severity = Annotated[Literal["low", "medium", "high"], typer.Option(help="This severity and above.")]
Said = Annotated[
    str, typer.Option(metavar="ID", help="Say of this transaction what it was; the next training listens.")
]


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
    columns = ("invoice", "customer", "open", "due", "score", "points", "P", "cash")
    table(f"Invoices of {org} to chase, as of {rows[0]['as_of']}, by {by}", columns, [_line(row) for row in rows])
    console.print("due in days; points: overdue + amount + risk; P: of paying late; cash: from a call")


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["invoice_id"],
        row["customer_id"],
        amount(row["open_amount_minor"], row["currency"]),
        f"{-row['days_overdue']:+d}",
        f"{row['priority_score']} {row['tier']}",
        f"{row['overdue_points']}+{row['amount_points']}+{row['risk_points']}",
        "" if row["p_late"] is None else f"{row['p_late']:.0%}",
        amount(row["expected_cash_minor"], row["currency"]),
    )


@sme.command()
@handled
def cash(*, org: Org, csv_file: CsvFile = None, xlsx_file: XlsxFile = None, as_json: JsonFlag = False) -> None:
    """How much cash there is, and will be: a band that holds 80 %, and how likely it runs out.

    Example: scoreops sme cash --org org-000
    """
    from feature_repo.sme.gold import cash_position, forecast
    from scoreops.adapters.settings import Settings

    rows, now = forecast(Settings(), org), cash_position(Settings(), org)
    if as_json:
        emit({"position": now, "forecast": rows})
    wanted = deliver(rows, as_json=False, csv_file=csv_file, xlsx_file=xlsx_file, sheet="cash")
    if as_json or not wanted:
        return
    for row in now:
        unit = row["currency"]
        runway = "grows" if row["runway_days"] is None else f"lasts {row['runway_days']} days at this pace"
        moved = f"{amount(row['inflow_30_days_minor'], unit)} in, {amount(row['outflow_30_days_minor'], unit)} out"
        owed = f"{amount(row['receivable_minor'], unit)}, {amount(row['overdue_minor'], unit)} of it overdue"
        console.print(f"{org} on {row['as_of']}: {amount(row['balance_minor'], unit)} {unit}, {runway}")
        console.print(f"  last 30 days: {moved}; owed by customers: {owed}", highlight=False)
    if not rows:
        console.print("no forecast yet; sme_predict makes one")
        return
    _chart(rows)


def _chart(rows: Sequence[Mapping[str, Any]]) -> None:
    unit, lines = rows[0]["currency"], []
    for row in rows:
        if row["days_ahead"] in (1, 2, 3, 5, 7, 10, 14, 21, 30):
            balance = [row[f"balance_{end}minor"] for end in ("", "low_", "high_")]
            low_to_high = f"{amount(balance[1], unit)} to {amount(balance[2], unit)}"
            net = amount(row["net_minor"], unit)
            lines.append((row["day"], net, amount(balance[0], unit), low_to_high, f"{row['p_below_zero']:.0%}"))
    names = ("day", "net", f"balance ({unit})", "80 % band", "P(below 0)")
    table(f"Forecast from {rows[0]['as_of']} by {rows[0]['method']}", names, lines)
    bottom, top = min(row["balance_low_minor"] for row in rows), max(row["balance_high_minor"] for row in rows)
    for name, end in (("high", "high_"), ("expected", ""), ("low", "low_")):
        values = [row[f"balance_{end}minor"] for row in rows]
        console.print(Text(f"{name:>9} {spark(values, bottom, top)}"))
    out = next((row for row in rows if row["p_below_zero"] >= 0.5), None)
    risk = max(row["p_below_zero"] for row in rows)
    said = f"cash runs out around {out['day']}" if out else "cash is expected to last"
    console.print(f"{said}; probability of running out within {len(rows)} days: {risk:.0%}")


@sme.command()
@handled
def anomalies(
    *,
    org: Org,
    severity: Severity = "medium",
    true: Said = "",
    false: Said = "",
    csv_file: CsvFile = None,
    xlsx_file: XlsxFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Odd transactions of the last seven days with reasons; answers to them tune the next training.

    Example: scoreops sme anomalies --org org-000 --severity low --false txn-001234
    """
    from feature_repo.sme.feedback import say
    from feature_repo.sme.gold import alerts
    from scoreops.adapters.settings import Settings

    settings = Settings()
    for transaction, odd in ((true, True), (false, False)):
        if transaction:
            say(settings, org, transaction, odd=odd, by="command line", at=datetime.now(UTC))
            err.print(f"kept: {transaction} was {'odd' if odd else 'nothing odd'}")
    rows = alerts(settings, org, severity)
    if csv_file or xlsx_file:
        flat = [{**row, "reasons": "; ".join(row["reasons"])} for row in rows]
        deliver(flat, as_json=False, csv_file=csv_file, xlsx_file=xlsx_file, sheet="anomalies")
    if as_json:
        emit(rows)
    if as_json or csv_file or xlsx_file:
        return
    if not rows:
        console.print(f"{org} has no odd transaction of severity {severity} or above")
        return
    lines = [
        (
            row["transaction_id"],
            f"{row['booked_at']:%m-%d %H:%M}",
            amount(row["amount_minor"], row["currency"]),
            row["counterparty_id"],
            row["severity"],
            "; ".join(row["reasons"]),
        )
        for row in rows
    ]
    names = ("transaction", "UTC", rows[0]["currency"], "with", "severity", "why")
    table(f"Odd transactions of {org} up to {rows[0]['as_of']}", names, lines)
