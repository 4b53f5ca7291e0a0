"""The SQL of the AR priority against a second implementation, on every row, and on every edge of every band."""

from __future__ import annotations

import pytest

from feature_repo.sme.bronze import bronze_name, open_bronze
from feature_repo.sme.warehouse import reading
from tests.oracles.ar_priority import priorities
from tests.sme_world import END, edges, small_world, write_edges

COLUMNS = "org_id, invoice_id, overdue_points, amount_points, risk_points, tier, priority_score, late_share"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place = small_world(tmp_path_factory.mktemp("ar"))
    write_edges(place)
    return place, place.build()


@pytest.fixture(scope="module")
def rows(built):
    with reading(built[0].settings) as db:
        return db.sql(f"select {COLUMNS} from gold.ml_ar_priority_scores").to_arrow_table().to_pylist()


def test_every_test_of_the_project_passes(built):
    day = built[1].built
    assert day.failed == []
    assert day.passed > 100


def test_every_row_is_what_the_text_of_the_rule_says(built, rows):
    lake = open_bronze(built[0].settings.lake_dir)
    invoices, payments = (lake.scan(bronze_name(name)).to_pylist() for name in ("invoices", "payments"))
    told = priorities(invoices, payments, END)
    found = {
        (row["org_id"], row["invoice_id"]): tuple(
            row[name] for name in ("overdue_points", "amount_points", "risk_points", "tier")
        )
        for row in rows
    }
    assert len(found) == len(rows) > 500
    assert found == told


def test_each_edge_of_each_band_gives_its_points(rows):
    found = {
        row["invoice_id"]: (row["overdue_points"], row["amount_points"], row["risk_points"])
        for row in rows
        if row["org_id"] == "edges"
    }
    assert found == edges()


def test_every_band_and_tier_can_be_reached_and_begins_where_it_should(rows):
    for name, points in {
        "overdue_points": {0, 10, 20, 30, 40},
        "amount_points": {5, 10, 20, 30},
        "tier": {"LOW", "MEDIUM", "HIGH", "URGENT"},
    }.items():
        assert {row[name] for row in rows} == points
    spans = {}
    for row in rows:
        low, high = spans.get(row["tier"], (999, -1))
        spans[row["tier"]] = (min(low, row["priority_score"]), max(high, row["priority_score"]))
    assert spans == {"LOW": (5, 29), "MEDIUM": (30, 49), "HIGH": (50, 69), "URGENT": (70, 100)}


def test_a_customer_without_history_is_neither_good_nor_bad(rows):
    (row,) = (row for row in rows if row["invoice_id"] == "new/5/100/none")
    assert (row["late_share"], row["risk_points"]) == (None, 15)
