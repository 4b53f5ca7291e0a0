"""Runs a compiled pipeline on this machine by kfp.local, in a process of its own: KFP leaves its marks on a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import ScoreOpsError

AT_ONCE: Final = 2
"""Tasks that kfp.local runs side by side; more threads than cores would wait for each other, spinning."""
_POLL_S: Final = 0.2
_HERE: Final = Path(__file__).resolve().parent


def run(
    pipeline: str, arguments: Mapping[str, Any], settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Run kfp_pipelines/compiled/PIPELINE.yaml and wait. Returns the reports of its steps, in the order of their ends.

    Raises ScoreOpsError with the end of the log when a step fails. A gate that says no is no failure.
    """
    root = settings.root / "pipelines" / f"{pipeline}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    root.mkdir(parents=True)
    request = {"file": str(_HERE / "compiled" / f"{pipeline}.yaml"), "root": str(root), "arguments": dict(arguments)}
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    environment |= settings.environment() | {"DO_NOT_TRACK": "1", "PYTHONPATH": str(_HERE.parent)}
    environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // AT_ONCE))
    log = root / "log.txt"
    with log.open("wb") as out:
        argv = [sys.executable, "-m", "kfp_pipelines.run_local", json.dumps(request)]
        child = subprocess.Popen(argv, stdout=out, stderr=out, env=environment)
        try:
            while child.poll() is None:
                time.sleep(_POLL_S)
                for report in reports(root)[-1:]:
                    progress(f"{report['step']} {report.get('score', '')}".strip())
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if child.returncode:
        raise ScoreOpsError(f"the pipeline {pipeline} failed, see {log}:\n{_reason(log.read_text(errors='replace'))}")
    return reports(root)


def reports(root: Path) -> list[dict[str, Any]]:
    """The reports that the steps under `root` have left."""
    files = sorted(root.rglob("report.json"), key=lambda file: file.stat().st_mtime)
    return [json.loads(file.read_text()) for file in files]


def _reason(log: str) -> str:
    """The last error lines of a log."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line.strip() for line in lines if "Error" in line or "scoreops.core.errors" in line]
    return "\n".join(dict.fromkeys(errors[-6:] or lines[-10:]))


def _main() -> None:
    request = json.loads(sys.argv[1])
    from kfp import components, local

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=request["root"])
    components.load_component_from_file(request["file"])(**request["arguments"])


if __name__ == "__main__":
    _main()
