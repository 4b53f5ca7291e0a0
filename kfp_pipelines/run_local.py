"""Runs a compiled pipeline on this machine by kfp.local, in a process of its own: KFP leaves its marks on a process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from kfp_pipelines.report import RunReport, summarise, write
from scoreops.adapters.orphans import end_with
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady, ScoreOpsError

AT_ONCE: Final = 2
"""Tasks that kfp.local runs side by side; more threads than cores would wait for each other, spinning."""
_POLL_S: Final = 0.2
_HERE: Final = Path(__file__).resolve().parent
Progress = Callable[[str], None]


def run(
    pipeline: str, arguments: Mapping[str, Any], settings: Settings, progress: Progress = lambda _: None
) -> list[dict[str, Any]]:
    """Run kfp_pipelines/compiled/PIPELINE.yaml and wait. Returns the reports of its steps, in the order of their ends.

    Raises ScoreOpsError with the end of the log when a step fails. A gate that says no is no failure.
    """
    report, _ = execute(pipeline, arguments, settings, progress)
    if report.error:
        raise ScoreOpsError(report.error)
    return list(report.steps)


def execute(
    pipeline: str,
    arguments: Mapping[str, Any],
    settings: Settings,
    progress: Progress = lambda _: None,
    *,
    wait: bool = False,
) -> tuple[RunReport, Path]:
    """Run a compiled pipeline to its end, however it ends. Returns the report and the folder that holds it.

    Raises NotReady while another run of the same pipeline goes on under this HOME, unless it is to `wait` for its end.
    """
    with _alone(settings, pipeline, wait=wait) as lock:
        began, clock = datetime.now(UTC), time.monotonic()
        root = settings.root / "pipelines" / f"{pipeline}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        root.mkdir(parents=True)
        error = _child(pipeline, arguments, settings, root, progress, lock)
        report = summarise(
            pipeline,
            root.name,
            reports(root),
            settings,
            began=began.isoformat(timespec="seconds"),
            seconds=time.monotonic() - clock,
            error=error,
        )
        write(report, root)
        return report, root


@contextmanager
def _alone(settings: Settings, pipeline: str, *, wait: bool) -> Iterator[int]:
    """The right to run a pipeline, as a file descriptor: it ends with the last process that holds it."""
    folder = settings.root / "pipelines"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{pipeline}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            lock.seek(0)
            raise NotReady(f"{pipeline} runs already, as process {lock.read().strip() or '?'}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def is_running(settings: Settings, pipeline: str) -> bool:
    """Whether a run of the pipeline goes on under this HOME."""
    try:
        with _alone(settings, pipeline, wait=False):
            return False
    except NotReady:
        return True


def _child(
    pipeline: str, arguments: Mapping[str, Any], settings: Settings, root: Path, progress: Progress, lock: int
) -> str:
    """Run it and wait. Returns what went wrong, or "". No step outlives an interruption, not even a SIGKILL of ours."""
    request = {"file": str(_HERE / "compiled" / f"{pipeline}.yaml"), "root": str(root), "arguments": dict(arguments)}
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    environment |= settings.environment() | {"DO_NOT_TRACK": "1", "PYTHONPATH": str(_HERE.parent)}
    environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // AT_ONCE))
    log = root / "log.txt"
    with log.open("wb") as out:
        argv = [sys.executable, "-m", "kfp_pipelines.run_local", json.dumps(request)]
        child = subprocess.Popen(
            argv, stdout=out, stderr=out, env=environment, pass_fds=(lock,), start_new_session=True,
            preexec_fn=partial(end_with, os.getpid(), signal.SIGTERM),  # noqa: PLW1509 - it makes one system call and takes no lock
        )  # fmt: skip
        try:
            while child.poll() is None:
                time.sleep(_POLL_S)
                for report in reports(root)[-1:]:
                    progress(f"{report['step']} {report.get('score', '')}".strip())
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if not child.returncode:
        return ""
    return f"the pipeline {pipeline} failed, see {log}:\n{_reason(log.read_text(errors='replace'))}"


def reports(root: Path) -> list[dict[str, Any]]:
    """The reports that the steps under `root` have left."""
    files = sorted(root.rglob("report.json"), key=lambda file: file.stat().st_mtime)
    return [json.loads(file.read_text()) for file in files]


def _reason(log: str) -> str:
    """The last error lines of a log."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line.strip() for line in lines if "Error" in line or "scoreops.core.errors" in line]
    return "\n".join(dict.fromkeys(errors[-6:] or lines[-10:]))


def _end_with_every_step(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)


def _main() -> None:
    signal.signal(signal.SIGTERM, _end_with_every_step)
    request = json.loads(sys.argv[1])
    from kfp import components, local

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=request["root"])
    components.load_component_from_file(request["file"])(**request["arguments"])


if __name__ == "__main__":
    _main()
