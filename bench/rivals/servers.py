"""Each server as a process: how it is started on one model file, and how to tell that it is ready."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.rivals import booster
from scoreops.core.errors import NotReady
from scoreops.local import probes
from scoreops.local.service import Service, python

ROOT: Final = Path(__file__).resolve().parents[2]
MODEL: Final = "scored"
"""Name under which every server has the model."""
HOST: Final = "127.0.0.1"
MLSERVER: Final = ROOT / ".venv-mlserver" / "bin" / "mlserver"
_ENV: Final = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


class Server(NamedTuple):
    """A server that is or can be started."""

    name: str
    service: Service
    http: int
    grpc: int

    @property
    def url(self) -> str:
        """Where its REST door is."""
        return f"http://{HOST}:{self.http}"


def kserve(
    home: Path, model_file: Path, ports: tuple[int, int], *, quiet: bool = False, core: int | None = None
) -> Server:
    """KServe's Python SDK server. `quiet`: without any log; `core`: bound to that core."""
    argv = python(
        *("-W", "ignore", "-m", "bench.rivals.kserve_server"),
        *("--model_name", MODEL, "--model_file", str(model_file)),
        *("--http_port", str(ports[0]), "--grpc_port", str(ports[1])),
        *(["--quiet"] if quiet else []),
    )
    return _server("kserve", home, argv, ports, core)


def mlserver(
    home: Path, model_file: Path, ports: tuple[int, int], *, quiet: bool = False, core: int | None = None
) -> Server:
    """MLServer with its XGBoost runtime, inference in the server's own process. Raises NotReady if not installed."""
    if not MLSERVER.is_file():
        raise NotReady(f"there is no {MLSERVER.relative_to(ROOT)}; run: make setup")
    folder = home / "mlserver"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "host": HOST,
        "http_port": ports[0],
        "grpc_port": ports[1],
        "parallel_workers": 0,  # a pool costs it three times the work for a model as small as this
        "metrics_endpoint": None,
        "debug": not quiet,
        "gzip_enabled": not quiet,
        "environments_dir": str(folder / "environments"),
    }
    model = {
        "name": MODEL,
        "implementation": "mlserver_xgboost.XGBoostModel",
        "parameters": {"uri": str(model_file), "version": "1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return _server("mlserver", home, [str(MLSERVER), "start", str(folder)], ports, core, {"PYTHONPATH": ""})


def bundles(home: Path, model_file: Path, *, columns: Sequence[str]) -> Path:
    """A folder of bundles with the model as version 1, made as `scoreops models pack` makes it.

    With `columns` each request must name them.
    """
    from predictors.packing import pack_model, write_new

    folder = home / "bundles"
    write_new(pack_model(model_file, MODEL, booster.rows(2).tolist(), columns), folder / MODEL / "1")
    return folder


def ours(
    home: Path, bundles: Path, ports: tuple[int, int], *, kafka: str = "", core: int | None = None, name: str = "ours"
) -> Server:
    """`python -m predictors` on a folder of bundles; `kafka`: with the inference log on, to this broker."""
    argv = python(
        *("-m", "predictors", "--model", MODEL, "--model-dir", str(bundles)),
        *("--port", str(ports[0]), "--grpc-port", str(ports[1]), "--json"),
        *(["--log"] if kafka else []),
    )
    return _server(name, home, argv, ports, core, {"SCOREOPS_KAFKA": kafka} if kafka else {})


def empty(home: Path, port: int, kind: str, threads: int, *, core: int | None = None) -> Server:
    """A gRPC server of grpcio that does nothing; see `empty_grpc`."""
    name = f"empty-{kind}-{threads}"
    argv = python("-m", "bench.rivals.empty_grpc", kind, str(port), str(threads))
    service = Service(name, home, _bound(argv, core), lambda: True, (port,), env=_ENV)
    return Server(name, service, 0, port)


def _bound(argv: Sequence[str], core: int | None) -> list[str]:
    return ["taskset", "-c", str(core), *argv] if core is not None else list(argv)


def _server(
    name: str,
    home: Path,
    argv: Sequence[str],
    ports: tuple[int, int],
    core: int | None,
    env: dict[str, str] | None = None,
) -> Server:
    ready = probes.http(HOST, ports[0], f"/v2/models/{MODEL}/ready")
    service = Service(name, home, _bound(argv, core), ready, ports, env=_ENV | (env or {}))
    return Server(name, service, *ports)
