"""A day is a day of UTC, wherever the machine stands: what was said later must not be known earlier."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest

from feature_repo.sme.warehouse import warehouse_file
from scoreops.adapters.settings import Settings
from tests.tiny_server import ROOT

DAY = """
from feature_repo.sme.warehouse import reading
from scoreops.adapters.settings import Settings
with reading(Settings(home={home!r})) as db:
    print(*db.execute("select cast(timestamptz '2026-03-21 {at}:00+00' as date)").fetchone())
"""


@pytest.mark.parametrize(("zone", "at"), [("Asia/Ho_Chi_Minh", "20:00"), ("America/New_York", "02:00")])
def test_a_day_is_one_of_utc(tmp_path, zone, at):
    file = warehouse_file(Settings(home=tmp_path))
    file.parent.mkdir(parents=True)
    duckdb.connect(str(file)).close()
    code = DAY.format(home=str(tmp_path), at=at)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"TZ": zone, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "2026-03-21", done.stderr
