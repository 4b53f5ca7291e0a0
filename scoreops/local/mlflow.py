"""MLflow as one process: its ASGI application on uvicorn, SQLite for the records, files for the artifacts."""

from __future__ import annotations

import subprocess
import sys

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local.service import Service


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

    def prepare() -> None:
        home.mkdir(parents=True, exist_ok=True)
        if (home / "migrated").exists():
            return
        done = subprocess.run(
            [sys.executable, "-m", "mlflow", "db", "upgrade", store], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotReady(f"MLflow could not make its database: {done.stderr.strip()[-800:]}")
        (home / "migrated").touch()

    def ready() -> bool:
        import httpx

        try:
            return httpx.get(f"http://{settings.host}:{settings.mlflow_port}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    argv = [sys.executable, "-m", "uvicorn", "--host", settings.host, "--port", str(settings.mlflow_port)]
    argv += ["--workers", "1", "--log-level", "warning", "mlflow.server.fastapi_app:app"]
    return Service("mlflow", settings.root, argv, ready, (settings.mlflow_port,), env=env, prepare=prepare)
