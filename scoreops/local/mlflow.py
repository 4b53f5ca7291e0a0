"""MLflow as one process: its ASGI application on uvicorn, SQLite for the records, files for the artifacts."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local import probes
from scoreops.local.service import Service, python


def service(settings: Settings) -> Service:
    """Tracking server and registry on `settings.mlflow_port`."""
    home = settings.root / "mlflow"
    store = f"sqlite:///{home}/mlflow.db"
    env = {
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }

    stamp = home / f"migrated-{version('mlflow')}"

    def prepare() -> None:
        home.mkdir(parents=True, exist_ok=True)
        if stamp.exists():
            return
        command = python("-m", "mlflow", "db", "upgrade", store)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env)
        if done.returncode:
            raise NotReady(f"MLflow could not make its database: {done.stderr.strip()[-800:]}")
        stamp.touch()

    port = settings.mlflow_port
    argv = python("-m", "uvicorn", "--host", settings.host, "--port", str(port), "--workers", "1")
    argv += ["--log-level", "warning", "mlflow.server.fastapi_app:app"]
    ready = probes.http(settings.host, port, "/health")
    return Service("mlflow", settings.root, argv, ready, (port,), env=env, prepare=prepare, host=settings.host)
