"""The application object that command groups register on."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="scoreops",
    help="From raw events to a score that somebody can defend.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
