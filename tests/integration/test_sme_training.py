"""Late payments from training sets to the registry by the steps of `sme_train`, and what validation refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from feature_repo.frames import Known, frame
from kfp_pipelines import sme_train_steps, steps
from kfp_pipelines.checks import check_leakage
from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.core.verdict import Outcome
from scoreops.local.runtime import up

NAME = "late-payment"
DAYS = 420
FIRST = np.datetime64("2025-01-01")
UNTIL = (int((FIRST + DAYS).astype("datetime64[D]").astype(int))) * 24


def invoices(customers=60, each=30, seed=3):
    """Invoices of three companies; every customer pays so many days late, large amounts twelve days later."""
    drawn = np.random.default_rng(seed)
    n = customers * each
    customer = np.repeat(np.arange(customers), each)
    usual = drawn.normal(4, 8, customers)[customer]
    issued = np.sort(drawn.integers(0, DAYS - 1, (customers, each)), axis=1).ravel()
    due = issued + drawn.choice([15, 30], n)
    amount = drawn.integers(1_000_000, 90_000_000, n)
    late = usual + 12 * (amount > 45_000_000) + drawn.normal(0, 2, n)
    cleared = np.maximum(due + np.rint(late).astype(int), issued + 1)
    day = lambda days: pd.to_datetime(FIRST + days.astype("timedelta64[D]"))  # noqa: E731
    return pd.DataFrame(
        {
            "org_id": [f"org-{number % 3}" for number in customer],
            "invoice_id": [f"i{number}" for number in range(n)],
            "customer_id": [f"c{number}" for number in customer],
            "issued_on": day(issued),
            "due_on": day(due),
            "currency": "VND",
            "amount_minor": amount,
            "cleared_on": day(cleared).where(cleared < DAYS),
        }
    )


@pytest.fixture
def sets(tmp_path, settings, mlflow, monkeypatch):
    up([mlflow])
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    registry = Registry(settings.mlflow_url)
    if NAME in registry.names() and CHAMPION in registry.aliases(NAME):
        registry.drop_alias(NAME, CHAMPION)  # with one, 60 customers are too few to tell drift from chance
    registry.close()
    folder = tmp_path / "sets"
    folder.mkdir()
    invoices().to_parquet(folder / "late_payments.parquet")
    (folder / "report.json").write_text(json.dumps({"until": UNTIL}))
    return folder


def trained(home, sets):
    made = [home / part for part in ("rows", "model", "judged", "valid", "version")]
    checked = steps.check(NAME, 0, "", "", sets, home / "drift.html", made[0])
    assert checked["answer"] == steps.OK, checked["verdicts"]
    steps.train(NAME, 0, "", made[0], sets, made[1])
    judged = steps.judge_candidate(NAME, made[0], made[1], made[2])
    valid = sme_train_steps.validate(NAME, 0, sets, made[1], made[2], made[3])
    return judged, valid, steps.register(NAME, made[1], made[0], made[3], made[4])


def test_a_candidate_that_passed_everything_is_registered_with_every_verdict(sets, settings, tmp_path):
    judged, valid, registered = trained(tmp_path, sets)
    assert judged["answer"] == valid["answer"] == steps.OK, (judged, valid)
    assert registered["alias"] == "champion"
    registry = Registry(settings.mlflow_url)
    version, files = registry.fetch(NAME, "champion")
    gates = [verdict["gate"] for verdict in version.verdicts]
    assert {
        "rows",
        "leakage_late_payment",
        "contract",
        "mae",
        "coverage_low",
        "ece",
        "registry",
        "golden",
        "store",
    } <= {*gates}
    assert len(gates) == len(set(gates))
    assert json.loads(files["bundle.json"])["trained_until"].startswith("2026-02-25")
    assert version.metrics["mae"] < version.metrics["mae_naive"]
    again = sme_train_steps.check_registry(registry, NAME)
    assert (again.outcome, again.n) == (Outcome.PASS, 1)
    rows = frame(NAME).population(Known(settings, sets, UNTIL))
    assert [v.outcome for v in sme_train_steps.check_store(NAME, files, rows)] == [Outcome.PASS, Outcome.PASS]
    assert [v.outcome for v in sme_train_steps.check_store(NAME, files, rows[:0])] == [Outcome.PASS, Outcome.FAIL]


def test_held_out_payments_come_after_all_that_is_learnt_from(sets):
    rows = frame(NAME).rows(Known(None, sets, UNTIL))
    assert rows.loc[rows["held_out"], "known"].min() > rows.loc[~rows["held_out"], "known"].max()
    assert 0.15 < rows["held_out"].mean() < 0.3
    (verdict,) = check_leakage(Known(None, sets, UNTIL), NAME)
    assert (verdict.outcome, verdict.n) == (Outcome.PASS, 500)
