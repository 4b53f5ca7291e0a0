"""The scheduler as a process: missed runs as one, a crash in the middle of a run, an end that leaves nothing."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local.scheduler import Scheduler, now, open_book
from tests.scheduling import NIGHTLY
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


class Place:
    """A HOME with a scheduler that can be started, stopped and killed."""

    def __init__(self, home):
        self.home, self.settings = home, Settings(home=home)
        self.book = open_book(self.settings)
        self.log = home / "log"

    def start(self):
        argv = [sys.executable, "-m", "tests.scheduling", str(self.home)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=ROOT, env=environment)

    def scheduling(self):
        """Whether a scheduler holds this HOME."""
        with (self.home / "schedules" / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def stop(self):
        self.until(self.scheduling)
        self.process.terminate()
        return self.process.wait(60)

    def began(self):
        file = self.home / "began"
        return file.read_text().splitlines() if file.exists() else []

    def until(self, reached):
        until(reached, self.log.read_text)

    def outcomes(self):
        return [run.outcome for run in reversed(self.book.runs(NIGHTLY.pipeline))]

    def workers(self):
        return [one for one in psutil.process_iter(["cmdline"]) if str(self.home) in (one.info["cmdline"] or [])]


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    made.book.since(NIGHTLY.pipeline, now() - timedelta(days=5))  # watched since then, and nothing has run
    yield made
    for one in made.workers():
        one.kill()


def test_five_missed_nights_are_one_run(place):
    (place.home / "go").touch()
    place.start()
    place.until(lambda: place.outcomes() == ["succeeded"])
    assert place.stop() == 0
    place.start()  # once more: nothing is due any longer
    assert place.stop() == 0
    (run,) = place.book.runs()
    assert place.began() == [run.due.isoformat()]
    assert NIGHTLY.due(run.due, now()) is None


def test_a_run_that_a_crash_has_cut_off_is_run_again_and_not_beside_itself(place):
    place.start()
    place.until(lambda: len(place.began()) == 1)
    place.process.kill()  # the scheduler alone: its run goes on
    place.process.wait()
    place.start()
    place.until(place.scheduling)
    assert place.outcomes() == [""]
    assert place.stop() == 0
    (orphan,) = place.workers()
    orphan.kill()
    orphan.wait()
    place.start()
    place.until(lambda: len(place.began()) == 2)
    assert len(place.book.runs()) == 1
    (place.home / "go").touch()
    place.until(lambda: place.outcomes() == ["succeeded"])
    assert place.stop() == 0
    assert len(set(place.began())) == 1


def test_stopping_ends_what_was_started(place):
    place.start()
    place.until(lambda: len(place.began()) == 1)
    assert place.stop() == 0
    place.until(lambda: place.workers() == [])
    assert place.outcomes() == [""]


def test_there_is_one_scheduler_of_a_home(place):
    (place.home / "go").touch()
    place.start()
    place.until(lambda: place.outcomes() == ["succeeded"])
    with pytest.raises(NotReady, match="another scheduler works"):
        Scheduler(place.settings, [NIGHTLY], lambda *_: []).run(None)
    place.process.send_signal(signal.SIGTERM)
    assert place.process.wait(60) == 0
