"""`scoreops ...`: one module per group of commands. Only light modules are imported here; work is imported when run."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="scoreops",
    help="From raw events to a score that somebody can defend.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script."""
    app()
