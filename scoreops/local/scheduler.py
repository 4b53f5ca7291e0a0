"""The scheduler of one machine: each pipeline at its times, one run at a time, in a process of its own."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kfp_pipelines.report import HTML_FILE, RunReport, message
from kfp_pipelines.run_local import AT_ONCE, Progress, execute, is_running
from kfp_pipelines.schedules import ZONE, Schedule
from scoreops.adapters.integrations import read_integrations
from scoreops.adapters.notify import Delivery, notify
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local.run_book import INTERRUPTED, RunBook

GRACE_S: Final = 10.0
"""How long a run may take to end once it is told to."""
Command = Callable[[Schedule, datetime], Sequence[str]]


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def open_book(settings: Settings) -> RunBook:
    """The run book of this HOME."""
    return RunBook(settings.root / "schedules" / "runs.db")


def run_once(
    settings: Settings, each: Schedule, due: datetime, progress: Progress = lambda _: None, *, by_hand: bool = False
) -> tuple[RunReport, list[Delivery]] | None:
    """Run the pipeline that is due, note it, and tell who wants to know; None where it was done before.

    Waits while another run of the pipeline goes on.
    """
    book, integrations = open_book(settings), read_integrations(settings.integrations)
    if not book.begin(each.pipeline, due, now(), by_hand=by_hand):
        return None
    outcome, page = INTERRUPTED, ""
    try:
        report, folder = execute(
            each.pipeline, each.filled(due, str(settings.landing_dir)), settings, progress, wait=True
        )
        outcome, page = report.outcome, str(folder / HTML_FILE)
    finally:
        book.end(each.pipeline, due, now(), outcome, page)
    return report, notify(message(report, folder), integrations.channels)


class Scheduler:
    """Starts each run as `command` and waits for it; ends what it has started when it is stopped."""

    def __init__(self, settings: Settings, schedules: Sequence[Schedule], command: Command) -> None:
        self._settings = settings
        self._schedules = schedules
        self._command = command
        self._book = open_book(settings)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. What was due while no scheduler ran is run once, at once.

        Raises NotReady where another scheduler works under this HOME.
        """
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler
        from apscheduler.triggers.cron import CronTrigger

        with self._alone():
            self._note_interrupted()
            rules = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
            scheduler = BackgroundScheduler(
                executors={"default": ThreadPoolExecutor(AT_ONCE)}, job_defaults=rules, timezone=ZONE
            )
            for each in self._schedules:
                trigger = CronTrigger.from_crontab(each.cron, timezone=ZONE)
                scheduler.add_job(self.tick, trigger, [each], id=each.pipeline, next_run_time=now())
            scheduler.start()
            try:
                stop.wait()
            finally:
                self._stop()
                scheduler.shutdown()

    def tick(self, each: Schedule) -> int | None:
        """Run what is due of a schedule, as one run. Returns its exit code, None where nothing is due."""
        moment = now()
        due = each.due(self._book.since(each.pipeline, moment), moment)
        if due is None:
            return None
        log = self._settings.root / "logs" / f"schedule-{each.pipeline}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out, self._lock:
            if self._stopping:
                return None
            argv = list(self._command(each, due))
            child = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
            self._running.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)

    def _stop(self) -> None:
        """End every run that was started, with all that it has started."""
        with self._lock:
            self._stopping, running = True, list(self._running)
        for child in running:
            _signal(child, signal.SIGTERM)
        for child in running:
            with suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_S)
            _signal(child, signal.SIGKILL)

    def _note_interrupted(self) -> None:
        """Runs that nobody works on any more, and that have no end, are due again."""
        for each in self._schedules:
            if is_running(self._settings, each.pipeline):
                continue
            for run in self._book.runs(each.pipeline):
                if not run.outcome:
                    self._book.end(each.pipeline, run.due, now(), INTERRUPTED)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        file = self._settings.root / "schedules" / "lock"
        with file.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NotReady(f"another scheduler works under {self._settings.root} already") from error
            yield


def _signal(child: subprocess.Popen[bytes], what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, what)


def as_command(each: Schedule, due: datetime) -> list[str]:
    """The command line of one run of the scheduler's."""
    argv = [sys.executable, "-m", "scoreops", "schedule", "run", each.pipeline]
    return [*argv, "--due", due.astimezone(UTC).isoformat(), "--json"]


def write_recurring_runs(schedules: Sequence[Schedule], folder: Path) -> list[Path]:
    """The recurring runs of Kubeflow as FOLDER/PIPELINE.json."""
    import json

    from kfp_pipelines.schedules import recurring_run

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for each in schedules:
        file = folder / f"{each.pipeline}.json"
        file.write_text(json.dumps(recurring_run(each), indent=1) + "\n")
        made.append(file)
    return made
