"""What the demo tells people while it runs, and at its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from scoreops.kol.decision_text import COLUMNS, line

TOP: Final = 10

Json = Mapping[str, Any]


class Reporter:
    """Writes to a terminal, or plain lines to a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that a phase is under way, and how long it took."""
        began = time.monotonic()
        with self._console.status(name) as status:
            self._status = status
            self._name = name
            try:
                yield
            finally:
                self._status = None
        self._console.print(f"[bold]{name}[/] {time.monotonic() - began:.0f} s", highlight=False)

    def doing(self, words: str) -> None:
        """What is being done just now; shown only at a terminal."""
        if self._status is not None:
            self._status.update(f"{self._name}: {words}")

    def line(self, words: str) -> None:
        """One line that stays."""
        self._console.print(f"  {words}", highlight=False)

    def gates(self, title: str, reports: Sequence[Json]) -> None:
        """How many gates passed for each score, and its main figures."""
        self.line(title)
        for report in reports:
            verdicts = report.get("verdicts", [])
            if report["step"] not in ("check", "evaluate", "weigh"):
                continue
            passed = sum(verdict["outcome"] == "Pass" for verdict in verdicts)
            figures = ", ".join(f"{k} {v:.3g}" for k, v in (report.get("metrics") or {}).items() if k in _MAIN)
            name = report.get("score", "fusion")
            self.line(f"  {name} {report['step']}: {passed} of {len(verdicts)} gates passed  {figures}".rstrip())

    def refusals(self, refused: Sequence[Json]) -> None:
        """What the gates did not let through."""
        for verdict in refused:
            self.line(f"[red]refused[/] {verdict['score']}: {verdict['gate']}: {escape(verdict['reason'])}")

    def alert(self, alert: Json) -> None:
        """An alert as it comes."""
        at = datetime.fromtimestamp(alert["event_us"] / 1e6, UTC)
        self.line(f"[yellow]alert[/] {at:%H:%M} {alert['kol_id']} {alert['rule']}: {escape(alert['message'])}")

    def ranking(self, records: Sequence[Json]) -> None:
        """The best KOLs, as a table."""
        if not records:
            return
        table = Table(title=f"Expected value of the next 24 hours, as of {records[0]['as_of']}", title_justify="left")
        for name in COLUMNS:
            table.add_column(name, overflow="fold")
        for record in records[:TOP]:
            table.add_row(*line(record))
        self._console.print(table)


_MAIN: Final = ("auc", "ece", "smape_clicks_24h", "smape_naive_clicks_24h", "coverage_revenue_24h", "share_of_best")
