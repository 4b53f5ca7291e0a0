"""`scoreops serve`."""

from __future__ import annotations

from predictors.command import serve
from scoreops.cli.app import app
from scoreops.cli.output import handled

app.command()(handled(serve))
