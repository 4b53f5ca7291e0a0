"""`scoreops ...`: one module per group of commands. Only light modules are imported here; work is imported when run."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from scoreops.cli.app import app

GROUPS: Final[tuple[str, ...]] = (
    "demo",
    "runtime",
    "events",
    "stream",
    "train",
    "schedule",
    "models",
    "rollout",
    "serve",
    "fuse",
    "evidence",
    "console",
    "sme_read",
    "sme_keys",
    "sme",
    "bench",
)
"""Modules of this package that register commands, in the order in which `--help` shows them."""


def main() -> None:
    """Entry point of the console script."""
    for group in GROUPS:
        import_module(f"scoreops.cli.{group}")
    app()
