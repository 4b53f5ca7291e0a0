"""`scoreops console`: the REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from scoreops.cli.app import app
from scoreops.cli.output import handled


@app.command(rich_help_panel="Decisions")
@handled
def console(
    *, port: Annotated[int | None, typer.Option(help="Port. Default: SCOREOPS_PORT_BASE + 90.")] = None
) -> None:
    """Serve the REST API until Ctrl-C: rankings, explanations, alerts, models; docs at /docs, key in HOME/secrets.

    Example: scoreops console --port 8090
    """
    import uvicorn

    from console.api import create_app
    from scoreops.adapters.settings import Settings

    settings = Settings()
    api = create_app(settings, settings.secret("api_key"))
    uvicorn.run(api, host=settings.host, port=port or settings.console_port, log_level="warning")
