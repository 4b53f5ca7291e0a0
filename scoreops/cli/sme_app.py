"""The group `scoreops sme` that its commands register on."""

from __future__ import annotations

import typer

from scoreops.cli.app import app

sme = typer.Typer(name="sme", help="Receivables, cash and odd transactions of small companies.", no_args_is_help=True)
app.add_typer(sme, rich_help_panel="SME Pulse")
