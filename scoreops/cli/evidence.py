"""`scoreops evidence`."""

from __future__ import annotations

from monitoring.command import evidence
from scoreops.cli.app import app
from scoreops.cli.output import handled

app.command()(handled(evidence))
