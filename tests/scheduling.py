"""A scheduler as a process, whose runs are processes that wait until they are let go.

`python -m tests.scheduling HOME` schedules; its runs append a line to HOME/began and end when HOME/go is there.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from kfp_pipelines.run_local import _alone
from kfp_pipelines.schedules import Schedule
from scoreops.adapters.settings import Settings
from scoreops.local.scheduler import Scheduler, now, open_book

NIGHTLY = Schedule("nightly", "0 3 * * *", "")


def work(settings, due):
    """One run: holds the pipeline, as a real one does."""
    book, moment = open_book(settings), datetime.fromisoformat(due)
    with _alone(settings, NIGHTLY.pipeline, wait=True):
        if not book.begin(NIGHTLY.pipeline, moment, now()):
            return
        with (settings.root / "began").open("a") as out:
            out.write(f"{due}\n")
        while not (settings.root / "go").exists():
            time.sleep(0.02)
        book.end(NIGHTLY.pipeline, moment, now(), "succeeded")


def main(home, due=None):
    settings = Settings(home=Path(home))
    if due:
        work(settings, due)
        return
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    argv = [sys.executable, "-m", "tests.scheduling", home]
    Scheduler(settings, [NIGHTLY], lambda _, at: [*argv, at.astimezone(UTC).isoformat()]).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
