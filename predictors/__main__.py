"""`python -m predictors`: the command of `scoreops serve` without the rest of the command line."""

from __future__ import annotations

import sys

import typer

from predictors.command import serve
from scoreops.core.errors import ScoreOpsError

if __name__ == "__main__":
    try:
        typer.run(serve)
    except ScoreOpsError as error:
        sys.exit(f"error: {error}")
