"""How every command speaks: tables for people, JSON for programs, one clear line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreops.core.errors import BadInput, NotFound, NotReady, Refused, ScoreOpsError, Unsupported

P = ParamSpec("P")
R = TypeVar("R")
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]

console = Console()
err = Console(stderr=True)
EXIT_CODES: Mapping[type[ScoreOpsError], int] = {BadInput: 2, Unsupported: 2, NotFound: 3, NotReady: 4, Refused: 5}


def emit(value: Any) -> None:
    """Print `value` as one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table that fits the terminal; numbers should come formatted."""
    grid = Table(header_style="bold")
    for name in columns:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(Text(title, style="italic"), soft_wrap=True)
    console.print(grid)


class Counter:
    """A number that grows on the terminal while long work goes on."""

    def __init__(self, set_: Callable[[int], None]) -> None:
        self.set = set_
        """Show this number."""


@contextmanager
def counting(doing: str, what: str) -> Iterator[Counter]:
    """Show how many `what` were done, on standard error and only at a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f} " + what), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(doing, total=None)
        yield Counter(lambda number: progress.update(task, completed=number))


def moment(text: str, name: str) -> datetime:
    """A time given on the command line. Raises BadInput unless it is ISO 8601 with its zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no time like 2026-03-22T03:00:00Z", name) from error
    if at.tzinfo is None:
        raise BadInput(f"{text!r} lacks its time zone, write {text}Z for UTC", name)
    return at


def handled(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error that we raise on purpose into one line on standard error and its exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ScoreOpsError as error:
            err.print(Text.assemble(("error:", "bold red"), f" {error}"))
            code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
            raise typer.Exit(code) from error

    return run
