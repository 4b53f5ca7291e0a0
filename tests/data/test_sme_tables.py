"""Tables say the same however they came to be, and one company's rows never depend on another's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.sme.bronze import accounts, bronze_name, days_in, open_bronze
from scoreops.sme.contract import TABLES
from tests.sme_tables import columns_of, compiled, of_org, run_compiled, tables
from tests.sme_world import END, Place, small_world

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Everything loaded and built at once, and the SQL that did it."""
    place = small_world(tmp_path_factory.mktemp("fresh"))
    place.build(tests=False)
    return place, compiled(place)


@pytest.fixture(scope="module")
def fresh(project):
    return project[0]


@pytest.fixture(scope="module")
def earlier(fresh, tmp_path_factory):
    """The same files three days before the end, and the tables of that day."""
    place = Place(tmp_path_factory.mktemp("stepwise"))
    shutil.copytree(fresh.landing, place.landing)
    place.build(END - timedelta(days=3), tests=False)
    return place, tables(place)


@pytest.fixture(scope="module")
def stepwise(earlier):
    """What was built three days before the end, built again at the end."""
    earlier[0].build(tests=False)
    return earlier[0]


def same(found, wanted):
    assert set(found) == set(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []


def test_day_by_day_gives_the_same_tables_as_all_at_once(fresh, stepwise):
    same(tables(stepwise), tables(fresh))


def test_a_day_again_changes_nothing(fresh):
    before = tables(fresh)
    lake = open_bronze(fresh.settings.lake_dir)
    commits = {name: len(lake.snapshots(name)) for name in lake.tables()}
    day = fresh.build(tests=False)
    assert day.files == []
    assert {name: len(lake.snapshots(name)) for name in lake.tables()} == commits
    same(tables(fresh), before)


def test_every_delivered_line_is_accounted_for(fresh):
    files = accounts(open_bronze(fresh.settings.lake_dir))
    delivered = [path for day in days_in(fresh.landing) for path in (fresh.landing / day.isoformat()).iterdir()]
    assert len(files) == len(delivered)
    for file in files:
        assert file.lines == file.accepted + file.quarantined + file.repeats
    assert sum(file.quarantined for file in files) > 0
    assert sum(file.repeats for file in files) > 0


def test_a_late_correction_shows_only_from_the_day_it_came(fresh, earlier):
    lines = open_bronze(fresh.settings.lake_dir).scan(bronze_name("invoices")).to_pandas().sort_values("ingested_at")
    open_ = lines[lines["cleared_on"].isna()].groupby(["org_id", "invoice_id"])["amount_minor"].agg(["first", "last"])
    corrected = open_[open_["first"] != open_["last"]]
    assert len(corrected) == 5
    columns = columns_of(fresh)["silver.invoices"]
    at, key = columns.index("amount_minor"), columns.index("invoice_id")
    for told, what in ((earlier[1], "first"), (tables(fresh), "last")):
        known = {(row[0], row[key]): row[at] for row in told["silver.invoices"]}
        wanted = corrected[what].to_dict()
        assert {place: known.get(place) for place in wanted} == wanted


changes = st.tuples(
    st.sampled_from(sorted(TABLES)),
    st.sampled_from(["delete", "double", "shift"]),
    st.integers(min_value=2, max_value=5),
)


@pytest.fixture(scope="module")
def kept(project):
    place, models = project
    unchanged = run_compiled(place, models, lambda _: None)
    same(unchanged, tables(place))
    return place, models, unchanged, columns_of(place)


@settings(max_examples=8)
@given(made=st.lists(changes, min_size=1, max_size=4))
def test_no_row_of_a_company_changes_when_another_companys_data_change(kept, made):
    place, models, before, columns = kept

    def change(db):
        for table, what, n in made:
            where = f"org_id = 'org-001' and hash({TABLES[table].key}) % {n} = 0"
            if what == "delete":
                db.execute(f"delete from bronze.{table} where {where}")
            elif what == "double" and "amount_minor" in TABLES[table].names:
                db.execute(f"update bronze.{table} set amount_minor = amount_minor * {n} where {where}")
            elif what == "shift":
                db.execute(f"update bronze.{table} set ingested_at = ingested_at - interval {n} day where {where}")

    after = run_compiled(place, models, change)
    for org in ("org-000", "org-002"):
        same(of_org(after, org, columns), of_org(before, org, columns))


@pytest.fixture(scope="module")
def killed(fresh, tmp_path_factory):
    """A night whose every step is killed in its middle and run again; how often each was caught at work."""
    place = Place(tmp_path_factory.mktemp("killed"))
    shutil.copytree(fresh.landing, place.landing)
    lake = open_bronze(place.settings.lake_dir)
    log = place.home / "sme" / "dbt" / "duckdb" / "dbt.log"
    middles = {
        "bronze": lambda: sum(len(lake.snapshots(name)) for name in lake.tables()) >= 3,
        "silver": lambda: log.exists() and "OK created sql table model silver." in log.read_text(),
        "gold": lambda: log.exists() and "OK created sql table model gold.dim" in log.read_text(),
    }
    caught = {}
    for name, middle in middles.items():
        caught[name] = kill_once(place, name, middle)
        assert step(place, name).wait() == 0
    return place, caught


def step(place, name):
    arguments = (str(END), str(place.landing)) if name == "bronze" else (str(END),)
    code = f"from pathlib import Path; from kfp_pipelines import sme_steps; sme_steps.{name}(*{arguments!r}, Path('.'))"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SCOREOPS_")}
    environment = kept | {"SCOREOPS_HOME": str(place.home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], env=environment, cwd=place.home)


def kill_once(place, name, middle):
    process = step(place, name)
    deadline = time.monotonic() + 200
    while process.poll() is None and not middle():
        assert time.monotonic() < deadline, f"{name} never came to its middle"
        time.sleep(0.02)
    process.kill()
    return process.wait() == -signal.SIGKILL


def test_a_night_killed_at_every_step_ends_with_the_same_tables(fresh, killed):
    place, caught = killed
    assert caught == dict.fromkeys(("bronze", "silver", "gold"), True)
    same(tables(place), tables(fresh))
    found, wanted = (
        {file.source: (file.lines, file.accepted) for file in accounts(open_bronze(where.settings.lake_dir))}
        for where in (place, fresh)
    )
    assert found == wanted
