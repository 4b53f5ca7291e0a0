"""The status of scores against a real registry and a real server: one version, or a sentence that it is not one."""

from __future__ import annotations

from datetime import date

import pytest

from feature_repo.sme.predictions import write
from scoreops.adapters.lake import Lake
from scoreops.adapters.registry import Registry
from scoreops.catalog import SCORES
from scoreops.core.errors import NotReady
from scoreops.local.parts import part
from scoreops.local.runtime import up
from scoreops.local.score_status import score_status
from tests.bundles import fusion_bundle
from tests.tiny import tiny_bundle
from tests.waiting import until

PASS = [{"gate": "x", "outcome": "Pass"}]
FAIL = [{"gate": "x", "outcome": "Fail"}]


@pytest.fixture
def registry(settings, mlflow):
    up([mlflow])
    made = Registry(settings.mlflow_url)
    yield made
    made.close()


def status(settings, name, monkeypatch, after=0.0):
    monkeypatch.setattr("scoreops.local.score_status.SCORES", {name: SCORES.get(name)})
    (found,) = score_status(settings, after)
    return found


def test_trained_gated_and_champion_are_told_apart(registry, settings, monkeypatch, prefix):
    assert status(settings, prefix, monkeypatch).trained is None
    first = registry.register(tiny_bundle(name=prefix), metrics={}, verdicts=PASS)
    registry.promote(prefix, first.number)
    found = status(settings, prefix, monkeypatch, first.created_ms / 1000 + 90)
    assert (found.trained, found.gated, found.champion, found.served, found.same) == (1, 1, 1, None, True)
    assert found.age_s == pytest.approx(90)
    registry.register(tiny_bundle((2.0, 1.0, 1.0), name=prefix), metrics={}, verdicts=FAIL)
    found = status(settings, prefix, monkeypatch)
    assert (found.trained, found.gated, found.champion, found.same) == (2, 1, 1, False)


def test_the_version_behind_the_tables_counts(registry, settings, monkeypatch, prefix, tmp_path):
    own = settings.model_copy(update={"lake": tmp_path / "lake"})
    version = registry.register(tiny_bundle(name=prefix), metrics={}, verdicts=PASS)
    registry.promote(prefix, version.number)
    rows = {name: [""] for name in ("org_id", "invoice_id", "reasons")}
    rows |= {name: [0.5] for name in ("p_late", "days_late", "days_late_low", "days_late_high")}
    for day, number in ((date(2026, 3, 1), 7), (date(2026, 3, 2), 1)):
        told = {"expected_on": [day], "model_version": [f"{prefix}/{number}"]}
        write(Lake(own.lake_dir), "late_payments", day, rows | told)
    found = status(own, prefix, monkeypatch)
    assert (found.predicted, found.predicted_for, found.same) == (1, "2026-03-02", True)
    write(Lake(own.lake_dir), "late_payments", date(2026, 3, 3), rows | told | {"model_version": [f"{prefix}/7"]})
    assert not status(own, prefix, monkeypatch).same


def test_the_version_that_answers_counts(registry, settings, monkeypatch):
    version = registry.register(fusion_bundle(), metrics={}, verdicts=PASS)
    registry.promote("fusion", version.number)
    server = part("predictor", settings)
    up([server])
    try:
        until(lambda: status(settings, "fusion", monkeypatch).served is not None, server.tail)
        found = status(settings, "fusion", monkeypatch)
    finally:
        server.stop()
    assert (found.served, found.champion, found.same) == (version.number, version.number, True)


def test_without_a_registry_it_is_said(settings):
    with pytest.raises(NotReady):
        score_status(settings.model_copy(update={"mlflow": "http://127.0.0.1:1"}), 0.0)
