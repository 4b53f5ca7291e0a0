"""Pipelines run by kfp.local: the monthly sync from its files to its dimensions, and no step that outlives its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from feature_repo.sme.warehouse import row_counts
from kfp_pipelines.run_local import execute, is_running
from scoreops.adapters.settings import Settings
from tests.listening import Listener, listening
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120


@pytest.fixture
def own(tmp_path):
    return Settings(home=tmp_path, lake=None, world_bank="", provinces="")


def test_the_monthly_sync_builds_its_dimensions_and_warns_of_servers_that_are_not_set(own):
    report, folder = execute("sme_external_sync", {"as_of": "2026-11-01"}, own)
    assert (report.outcome, report.error) == ("succeeded", "")
    assert [step["step"] for step in report.steps] == ["external", "external dimensions"]
    warned = [test["name"] for test in report.tests if test["outcome"] == "warn"]
    assert warned == ["indicators from its server", "provinces from its server"]
    assert report.passed == len(report.tests) - 2 > 0
    rows = row_counts(own, "gold")
    assert rows["gold.ext_province"] == report.rows["external.provinces"]
    assert rows["gold.ext_country_year"] > 400
    assert json.loads((folder / "run.json").read_text())["outcome"] == "succeeded"


@dataclass
class Silent(Listener):
    """Takes a request and leaves it without an answer until everybody has gone."""

    gone: threading.Event = field(default_factory=threading.Event)

    def answer(self, request):
        self.asked.append(request)
        self.gone.wait(PATIENCE_S)
        return 503, b"", {}


def of_home(home):
    """Processes whose environment or command line names this HOME."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            alive = (process / "stat").read_text().rpartition(") ")[2][0] != "Z"
        except OSError:
            continue
        if alive and str(home).encode() in told and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def test_no_step_outlives_a_run_that_is_killed(own):
    with listening(kind=Silent) as server:
        code = (
            "from kfp_pipelines.run_local import execute; from scoreops.adapters.settings import Settings;"
            "execute('sme_external_sync', {'as_of': '2026-11-01'}, Settings())"
        )
        environment = os.environ | own.environment() | {"SCOREOPS_WORLD_BANK": server.url, "PYTHONPATH": str(ROOT)}
        run = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], env=environment)
        until(lambda: server.asked)
        assert is_running(own, "sme_external_sync")
        assert len(of_home(own.root)) >= 3
        run.send_signal(signal.SIGKILL)
        run.wait()
        until(lambda: not of_home(own.root), lambda: f"of the killed run goes on: {of_home(own.root)}")
        until(lambda: not is_running(own, "sme_external_sync"))
        server.gone.set()
