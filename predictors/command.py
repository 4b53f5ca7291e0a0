"""The command that starts a server: `scoreops serve` and `python -m predictors` are the same."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from scoreops.adapters.settings import Settings


def serve(
    *,
    model_dir: Annotated[
        Path | None, typer.Option(help="Folder of bundles: DIR/MODEL/VERSION/bundle.json. Default: the registry.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A score to serve; repeat it. Default: all.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: SCOREOPS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: SCOREOPS_PORT_BASE + 80.")] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="Let whoever has the API key load and unload models over HTTP.")
    ] = False,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Write each answer to the topic inference.log.")] = False,
    watch_s: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks at the aliases.")] = 1.0,
    drain_s: Annotated[float, typer.Option(min=0, help="Longest wait for clients to leave after SIGTERM.")] = 10.0,
    max_rows: Annotated[int, typer.Option(min=1, help="Most rows in one request.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Log JSON lines even at a terminal.")] = False,
) -> None:
    """Serve scores over the Open Inference Protocol v2 until SIGTERM.

    The alias `champion` answers; a moved alias is picked up within a second, and a bundle that fails its digests or
    its golden request is never used.

    Example: scoreops serve --model trust --port 8080
    """
    from predictors.dataplane import Limits
    from predictors.logs import configure
    from predictors.server import Options, run
    from predictors.sources import FolderSource, RegistrySource
    from scoreops.adapters.registry import Registry
    from scoreops.catalog import SCORES, score

    configure(as_json=as_json or not sys.stderr.isatty())
    settings = Settings()
    run(
        Options(
            host=host or settings.host,
            port=settings.predictor_port if port is None else port,
            scores={name: score(name) for name in model or SCORES},
            source=FolderSource(model_dir) if model_dir else RegistrySource(Registry(settings.mlflow_url)),
            version=_release(),
            kafka=settings.kafka_bootstrap if log else "",
            admin_key=settings.secret("api_key") if admin else "",
            watch_s=watch_s,
            drain_s=drain_s,
            limits=Limits(rows=max_rows),
        )
    )


def _release() -> str:
    try:
        return metadata.version("scoreops")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
