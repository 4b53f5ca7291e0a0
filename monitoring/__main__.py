"""`python -m monitoring`: the command of `scoreops evidence` without the rest of the command line."""

from __future__ import annotations

import sys

import typer

from monitoring.command import evidence
from scoreops.core.errors import ScoreOpsError

if __name__ == "__main__":
    try:
        typer.run(evidence)
    except ScoreOpsError as error:
        sys.exit(f"error: {error}")
