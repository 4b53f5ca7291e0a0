"""The report of a run: what counts, what speaks against it, what it cost, and a page that shows nothing raw."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from kfp_pipelines.report import HTML_FILE, JSON_FILE, message, summarise, write
from scoreops.adapters.settings import Settings

GATE = {"gate": "auc", "outcome": "Pass", "n": 100, "need": 60, "value": 0.9, "limit": 0.8, "reason": "AUC is 0.9"}
BRONZE = {
    "step": "bronze",
    "seconds": 3600.0,
    "cpu_seconds": 1800.0,
    "peak_mib": 2048,
    "rows": {"invoices": 10, "customers": 2},
}
TRAIN = {"step": "train", "score": "trust", "seconds": 1.0, "rows": 7.0, "verdicts": [GATE]}
TESTED = {"step": "silver", "seconds": 2.0, "tests": [{"name": "unique_id", "outcome": "pass", "failures": 0}]}


def report(*steps, error="", **prices):
    took = {"began": "2026-01-01T00:00:00Z", "seconds": 12.345, "error": error}
    return summarise("sme_daily_etl", "run-1", steps, Settings(**prices), **took)


def test_rows_tests_and_gates_of_all_steps_come_together():
    made = report(BRONZE, TRAIN, TESTED)
    assert made.rows == {"invoices": 10, "customers": 2, "train trust": 7}
    assert (made.outcome, made.passed, made.objections) == ("succeeded", 1, [])
    assert made.gates == [{"score": "trust", **GATE}]
    assert made.tests[0]["step"] == "silver"


def failing(outcome):
    return {
        "step": "gold",
        "seconds": 1,
        "tests": [{"name": "t", "outcome": outcome, "failures": 3, "reason": "3 rows"}],
    }


@pytest.mark.parametrize(
    ("step", "outcome", "said"),
    [
        pytest.param(failing("fail"), "refused", ["test t: 3 rows"], id="a test fails"),
        pytest.param(failing("error"), "refused", ["test t: 3 rows"], id="a test cannot run"),
        pytest.param(failing("warn"), "succeeded", [], id="a warning"),
        pytest.param(
            {**TRAIN, "verdicts": [GATE | {"outcome": "Insufficient"}]}, "refused", ["trust auc: AUC is 0.9"], id="gate"
        ),
        pytest.param({"step": "infra", "seconds": 1, "missing": ["java"]}, "refused", ["missing: java"], id="missing"),
    ],
)
def test_what_speaks_against_a_run_is_said(step, outcome, said):
    made = report(BRONZE, step)
    assert (made.outcome, made.objections) == (outcome, said)


def test_a_step_that_could_not_work_is_a_failure_whatever_else_passed():
    made = report(BRONZE, error="the pipeline failed:\nKeyError")
    assert made.outcome == "failed"
    assert made.objections == ["the pipeline failed:"]


def test_cost_is_time_and_memory_and_a_price_only_where_one_is_set():
    free = report(BRONZE).cost
    assert (free.core_hours, free.gib_hours, free.amount) == (0.5, 2.0, None)
    priced = report(BRONZE, core_hour_price=0.04, gib_hour_price=0.01, price_currency="EUR").cost
    assert (priced.amount, priced.currency) == (0.04, "EUR")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_the_files_hold_the_same_and_the_page_runs_nothing(tmp_path):
    bad = "<script>alert(1)</script>"
    made = report(BRONZE, TRAIN, failing("fail"), {"step": bad, "seconds": 1}, error=bad)
    write(made, tmp_path)
    kept = json.loads((tmp_path / JSON_FILE).read_text())
    assert kept["rows"] == made.rows
    assert kept["outcome"] == "failed"
    assert {"rows", "tests", "gates", "steps", "cost", "seconds", "began"} <= set(kept)
    page = Tags()
    page.feed((tmp_path / HTML_FILE).read_text())
    assert "script" not in page.tags
    assert bad in page.texts
    for said in ("invoices", "auc", "3 rows", "12.3"):
        assert any(said in text for text in page.texts), said


def test_people_are_told_the_first_objections_and_the_figures(tmp_path):
    many = [{"step": "infra", "seconds": 1, "missing": [f"part {i}" for i in range(8)]}]
    made = message(report(BRONZE, TRAIN, TESTED, *many), tmp_path)
    assert (made.event, made.title) == ("refused", "sme_daily_etl refused")
    assert made.text.splitlines()[-1] == "and 3 more"
    assert made.figures["rows"] == "19"
    assert made.figures["tests"] == made.figures["gates"] == "1 of 1 passed"
    assert made.link.endswith(HTML_FILE)
    assert message(report(TESTED)).text == "Every gate and every test passed."
