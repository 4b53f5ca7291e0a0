"""The command that starts a server: `scoreops serve` and `python -m predictors` are the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput

_MB = 1024 * 1024


def serve(
    *,
    model_dir: Annotated[
        str | None,
        typer.Option(help="Folder or s3://BUCKET/PREFIX with MODEL/VERSION/bundle.json. Default: the registry."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A score or a model of your own, or NAME@VERSION, NAME@ALIAS; repeat it. Default: all registered."
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: SCOREOPS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="REST port. Default: SCOREOPS_PORT_BASE + 80.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="gRPC port. Default: SCOREOPS_PORT_BASE + 81.")] = None,
    grpc: Annotated[bool, typer.Option("--grpc/--no-grpc", help="Listen for gRPC as well.")] = True,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one for each core.")] = 1,
    require_key: Annotated[bool, typer.Option("--require-key", help="Answer only who has the API key.")] = False,
    admin: Annotated[bool, typer.Option("--admin", help="Let whoever has the API key load and unload models.")] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate chain, PEM: serve TLS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Its private key, PEM.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Let in only clients that this CA signed.")
    ] = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Write each answer to the topic inference.log.")] = False,
    log_inputs: Annotated[str, typer.Option(help="What it holds of the inputs: `values` or `hash`.")] = "values",
    shadow: Annotated[
        list[str] | None,
        typer.Option(help="MODEL=VERSION[:SHARE]: also ask this version or alias, log its answer, never give it."),
    ] = None,
    split_dir: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder of splits, MODEL.json, watched: who gets which share of requests."),
    ] = None,
    watch_s: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks at the aliases.")] = 1.0,
    linger_s: Annotated[
        float, typer.Option(min=0, help="Shortest time to go on answering after SIGTERM: until no load balancer asks.")
    ] = 5.0,
    drain_s: Annotated[float, typer.Option(min=0, help="Longest wait for clients to leave after SIGTERM.")] = 10.0,
    max_rows: Annotated[int, typer.Option(min=1, help="Most rows in one request.")] = 10_000,
    max_body_mb: Annotated[int, typer.Option(min=1, help="Largest body, unpacked.")] = 32,
    max_concurrency: Annotated[int, typer.Option(min=1, help="Most requests inside at once.")] = 128,
    max_wait_ms: Annotated[int, typer.Option(min=1, help="Refuse at once who would wait longer.")] = 1_000,
    deadline_s: Annotated[float, typer.Option(min=0.001, help="Longest time for one request.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Log JSON lines even at a terminal.")] = False,
) -> None:
    """Serve scores over the Open Inference Protocol v2, REST and gRPC, until SIGTERM.

    The alias `champion` answers; a moved alias is picked up within a second, and a bundle that fails its digests or
    its golden request is never used. Traces go where OTEL_EXPORTER_OTLP_ENDPOINT says.

    Example: scoreops serve --model trust --port 8080 --grpc-port 8081 --log --shadow trust=candidate:0.1
    """
    count = workers or len(os.sched_getaffinity(0))
    _check(count > 1 and admin, "admin", "loading and unloading would reach one worker only; use --workers 1")
    _check(shadow and not log, "shadow", "a shadow's answers are written to the inference log; add --log")
    _check(log_inputs not in {"values", "hash"}, "log-inputs", f"{log_inputs!r} is not one of values, hash")
    from predictors.workers import share_metrics

    metrics_dir = share_metrics() if count > 1 else ""
    from predictors.admission import Limits
    from predictors.inference_log import Detail
    from predictors.logs import configure
    from predictors.plain import scores
    from predictors.server import Options
    from predictors.sources import FolderSource, PinnedSource, RegistrySource
    from scoreops.adapters.registry import Registry

    configure(as_json=as_json or not sys.stderr.isatty())
    settings = Settings()
    named = [one.partition("@") for one in model or ()]
    models = scores([name for name, _, _ in named])
    source = FolderSource(model_dir) if model_dir else RegistrySource(Registry(settings.mlflow_url))
    options = Options(
        host=host or settings.host,
        port=settings.predictor_port if port is None else port,
        grpc_port=(settings.predictor_grpc_port if grpc_port is None else grpc_port) if grpc else None,
        scores=models,
        every=bool(named),
        source=PinnedSource(source, {name: pin for name, _, pin in named if pin}),
        version=_release(),
        kafka=settings.kafka_bootstrap if log else "",
        log_detail=Detail(log_inputs),
        shadows=_shadows(shadow or [], models),
        splits=split_dir,
        key=settings.secret("api_key") if require_key else "",
        admin_key=settings.secret("api_key") if admin else "",
        tls=_tls(tls_cert, tls_key, tls_client_ca),
        exporter=_exporter(),
        shared=count > 1,
        watch_s=watch_s,
        linger_s=linger_s,
        drain_s=drain_s,
        limits=Limits(
            rows=max_rows,
            body_bytes=max_body_mb * _MB,
            concurrency=max_concurrency,
            wait_s=max_wait_ms / 1000,
            deadline_s=deadline_s,
        ),
    )
    _run(options, count, metrics_dir)


def _check(wrong: object, option: str, said: str) -> None:
    if wrong:
        raise BadInput(said, option)


def _shadows(rules: Sequence[str], models: Collection[str]) -> Any:
    from predictors.shadow import parse_rule

    shadows = dict(parse_rule(rule) for rule in rules)
    unknown = ", ".join(sorted(set(shadows) - set(models)))
    _check(unknown, "shadow", f"no model {unknown} is served")
    return shadows


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Any:
    from predictors.listening import Tls

    if certificate and key:
        return Tls(certificate, key, client_ca)
    _check(certificate or key or client_ca, "tls", "TLS needs --tls-cert and --tls-key")
    return None


def _run(options: Any, count: int, metrics_dir: str) -> None:
    from predictors.listening import listen
    from predictors.server import run
    from predictors.workers import run_workers

    if count == 1:
        run(options)
    else:
        # Ports that somebody else holds are told once, and here: workers that cannot listen are started for ever.
        listen(options.host, options.port).close()
        if options.grpc_port is not None:
            listen(options.host, options.grpc_port, option="--grpc-port").close()
        run_workers(count, lambda: run(options), metrics_dir)


def _exporter() -> Any:
    if any(os.environ.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        from predictors.tracing import otlp

        return otlp()
    return None


def _release() -> str:
    try:
        return metadata.version("scoreops")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
