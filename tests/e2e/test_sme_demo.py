"""`scoreops sme demo` on a small world, as a new user runs it, and what people then read."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BASE = 10_500


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    whole = Installation(tmp_path_factory.mktemp("sme-demo"), BASE)
    summary = json.loads(whole.run("sme", "demo", "--orgs", "3", "--days", "300", "--json"))
    yield Installation(whole.home / "demo-sme", BASE), summary
    assert whole.leftovers() == []


def test_every_line_is_accounted_for_and_every_test_passes(demo):
    _, summary = demo
    lines = summary["lines"]
    assert lines["lines"] == lines["accepted"] + lines["quarantined"] + lines["repeats"] > 10_000
    assert lines["accepted"] == sum(
        rows for name, rows in summary["rows"].items() if name.startswith("bronze.") and name not in NOT_LINES
    )
    assert lines["quarantined"] == summary["rows"]["bronze.quarantine"] == sum(summary["quarantine"].values()) > 0
    assert summary["tests"]["rate"] == 1.0


NOT_LINES = ("bronze.quarantine", "bronze.files")


def test_the_registered_versions_are_those_that_predicted(demo):
    home, summary = demo
    assert set(summary["versions"]) == {"late-payment", "cash-flow", "sme-anomaly"}
    first = json.loads(home.run("sme", "worklist", "--org", "org-000", "--limit", "1", "--json"))[0]
    assert first["model_version"] == summary["versions"]["late-payment"]


def test_it_says_how_good_it_was(demo):
    _, summary = demo
    assert set(summary["tiers"]) == {"URGENT", "HIGH", "MEDIUM", "LOW"}
    assert summary["late"]["open_and_not_due"] > 50
    assert 0 < summary["late"]["interval_80_covers"] <= 1
    assert 0 < summary["cash"]["day_interval_80_covers"] <= 1
    assert len(summary["cash"]["covers_by_morning"]) == len(summary["cash"]["made_on"]) == 6
    assert summary["alerts"]["planted"] > 0
    assert set(summary["alerts"]["low_and_above"]) == {"alerts", "precision", "recall", "recall_by_kind"}


@pytest.mark.parametrize("order", ["rule", "expected-cash"])
def test_the_list_is_in_its_order(demo, order):
    rows = json.loads(demo[0].run("sme", "worklist", "--org", "org-001", "--by", order, "--json"))
    rank = {"rule": "priority_rank", "expected-cash": "expected_cash_rank"}[order]
    assert [row[rank] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["org_id"] for row in rows} == {"org-001"}


def test_the_forecast_begins_tomorrow_and_its_band_holds_it(demo):
    made = json.loads(demo[0].run("sme", "cash", "--org", "org-001", "--json"))
    assert [row["days_ahead"] for row in made["forecast"]] == list(range(1, 31))
    for row in made["forecast"]:
        assert row["balance_low_minor"] <= row["balance_high_minor"]
        assert 0 <= row["p_below_zero"] <= 1


def test_an_answer_to_an_alert_is_kept(demo):
    home, _ = demo
    told = json.loads(home.run("sme", "anomalies", "--org", "org-000", "--severity", "low", "--json"))
    assert all(row["reasons"] for row in told if row["severity"] == "high")
    home.run("sme", "anomalies", "--org", "org-000", "--false", "txn-000500")
