"""Worker processes on the same ports; one that dies is replaced, a signal reaches all, none outlives the parent.

A worker computes on one core, so a server of n cores has n. The kernel spreads connections over them.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

import structlog

from scoreops.adapters.orphans import end_with

RESTART_S: Final = 1.0
"""A worker that lived shorter than this is replaced only after such a pause."""
METRICS_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_log: Final = structlog.get_logger("predictors.workers")


def share_metrics() -> str:
    """Let the workers' metrics be read as one. To be called before prometheus_client is imported."""
    os.environ[METRICS_DIR] = folder = tempfile.mkdtemp(prefix="scoreops-metrics-")
    return folder


class Workers:
    """Runs `work` in `count` child processes until it is told to stop."""

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        self._work = work
        self._count = count
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT, and every worker has ended."""
        for number in _SIGNALS:
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start()
        while self._started:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            lived = time.monotonic() - self._started.pop(pid, 0.0)
            self._forget(pid)
            if self._stopping:
                continue
            _log.warning("a worker ended", pid=pid, status=os.waitstatus_to_exitcode(status))
            if lived < RESTART_S:
                time.sleep(RESTART_S)
            if not self._stopping:
                self._start()

    def _start(self) -> None:
        # A signal waits until the child has handlers of its own: its copy of the parent's would swallow it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._started[pid] = time.monotonic()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            if self._stopping:  # the signal came between
                os.kill(pid, signal.SIGTERM)
            return
        code = 1
        try:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            end_with(parent, signal.SIGTERM)
            self._work()
            code = 0
        except Exception:  # noqa: BLE001 - the parent learns of it by the exit status
            _log.exception("a worker failed")
        finally:
            os._exit(code)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._started:
            with suppress(ProcessLookupError):  # it has ended, and this comes before it is forgotten
                os.kill(pid, number)

    def _forget(self, pid: int) -> None:
        if METRICS_DIR in os.environ:
            from prometheus_client.multiprocess import mark_process_dead

            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def run_workers(count: int, work: Callable[[], None], metrics_dir: str) -> None:
    """See Workers; removes the shared metrics at the end."""
    try:
        Workers(count, work).run()
    finally:
        shutil.rmtree(metrics_dir, ignore_errors=True)
