"""`python -m cluster`: see `cluster.cli`."""

from cluster.cli import app

app()
