"""The dbt project on a real Trino gives the tables that it gives on DuckDB, from the same bronze."""

from __future__ import annotations

import datetime as dt

import pytest

from feature_repo.sme.bronze import open_bronze
from feature_repo.sme.trino import connected, copy_bronze, trino_environment
from feature_repo.sme.warehouse import reading, run_dbt
from scoreops.local.runtime import component, down, up
from tests.sme_tables import columns_of, tables
from tests.sme_world import END, small_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FEWER = ["--exclude", *(f"test_name:{name}" for name in ("unique_key", "refers_to", "not_null", "unique"))]
"""Tests of keys say the same of equal tables; those whose SQL is written for each table are run on Trino too."""


@pytest.fixture(scope="module")
def built(settings, tmp_path_factory):
    """A small world built by both engines; its bronze, as of the end, is the same."""
    place = small_world(tmp_path_factory.mktemp("trino"), orgs=2, days=60)
    place.build(tests=False)
    own = settings.model_copy(update={"home": place.home / "trino-home"})
    up([component("trino", own)])
    try:
        copied = copy_bronze(open_bronze(place.settings.lake_dir), own)
        made = run_dbt("build", END, place.home / "on-trino", trino_environment(own), target="trino", options=FEWER)
        yield place, own, copied, made
    finally:
        down(own)


def plain(value):
    """Values as both engines can say them."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return value


def test_conditions_and_totals_hold_on_trino(built):
    made = built[3]
    assert made.failed == []
    assert made.passed > 40


def test_bronze_is_the_same(built):
    place, _, copied, _ = built
    with reading(place.settings) as db:
        for name, rows in copied.items():
            assert db.execute(f"select count(*) from {name}").fetchall() == [(rows,)], name


def test_every_silver_and_gold_table_is_equal(built):
    place, own, _, _ = built
    wanted, columns = tables(place), columns_of(place)
    with connected(own) as trino:
        for name, rows in wanted.items():
            listed = ", ".join(f'"{column}"' for column in columns[name])
            cursor = trino.cursor()
            found = cursor.execute(f"select {listed} from {name}").fetchall()
            assert sorted(map(key, found)) == sorted(map(key, rows)), name


def key(row):
    return tuple("" if value is None else str(plain(value)) for value in row)
