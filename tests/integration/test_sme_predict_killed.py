"""Predictions killed at many moments of their writing, and run again: every row once, as the version says it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_repo.sme.predict import SAY, predict
from feature_repo.sme.predict_late import QUERY
from feature_repo.sme.predictions import champions, frame, table_of
from feature_repo.sme.warehouse import reading
from kfp_pipelines import sme_steps
from kfp_pipelines.bundling import bundle
from scoreops.adapters.lake import Lake
from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.core.errors import NotReady
from scoreops.local.runtime import up
from scoreops.sme.calendar import day_number
from scoreops.sme.late_features import LATE_FEATURES
from scoreops.sme.late_training import late_rows, train_late
from scoreops.sme.predictions import FLOOR
from tests.sme_world import END, small_world

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = (0.15, 0.5, 0.85)
LATE, CASH, ODD = "late-payment", "cash-flow", "sme-anomaly"
KILLED_AT = """
import os, signal, sys
from datetime import date

from feature_repo.sme.predict import predict
from scoreops.adapters.settings import Settings

score, day, last = sys.argv[1], date.fromisoformat(sys.argv[2]), int(sys.argv[3])
calls = 0

def count(frame, event, _):
    global calls
    if event == "call" and "pyiceberg" in frame.f_code.co_filename:
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(count)
predict(Settings(), score, day)
sys.setprofile(None)
print(calls)
"""


@pytest.fixture(scope="module")
def place(settings, mlflow, tmp_path_factory):
    """A small world with a champion of late-payment; the other scores have none."""
    up([mlflow])
    made = small_world(tmp_path_factory.mktemp("predict"), orgs=2, days=160)
    made.build(tests=False)
    own = made.settings.model_copy(update={"mlflow": settings.mlflow_url})
    registry = Registry(settings.mlflow_url)
    for score in (CASH, ODD):
        if score in registry.names() and CHAMPION in registry.aliases(score):
            registry.drop_alias(score, CHAMPION)
    with reading(own) as db:
        rows = late_rows(frame(db, QUERY), until=day_number(END) + 1)
    features = pd.DataFrame(rows.features, columns=list(LATE_FEATURES.columns))
    files = bundle(LATE, train_late(rows, trees=10).model.files(), features, features[:200], until=24)
    registry.promote(LATE, registry.register(files, metrics={}, verdicts=[]).number)
    yield own
    registry.drop_alias(LATE, CHAMPION)
    registry.close()


def one_run(own, score, day, killed_at=0):
    environment = os.environ | own.environment() | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-W", "ignore", "-c", KILLED_AT, score, str(day), str(killed_at)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (-signal.SIGKILL if killed_at else 0), done.stderr
    return int(done.stdout or 0)


def said(own, score):
    """What the lake holds of the last day, in one order."""
    table = SAY[score].table
    rows = Lake(own.lake_dir).scan(table_of(table)).to_pandas()
    rows = rows[rows["as_of"] == END].drop(columns=["as_of", "made_at"])
    return rows.sort_values(list(rows.columns[:3]), ignore_index=True)


def wanted(own, score):
    asked, registry = SAY[score], Registry(own.mlflow_url)
    with reading(own) as db:
        served = champions(registry, asked.scores)
        rows = asked.say(db, served, END) if len(served) == len(asked.scores) else asked.floor(db, END)
    registry.close()
    made = pd.DataFrame(dict(rows))
    return made.sort_values(list(said(own, score).columns[:3]), ignore_index=True)


@pytest.mark.parametrize("score", [LATE, CASH])
def test_a_step_killed_at_many_moments_leaves_every_row_once(place, score):
    calls = one_run(place, score, END - timedelta(days=1))
    for share in MOMENTS:
        one_run(place, score, END, killed_at=max(1, int(calls * share)))
    one_run(place, score, END)
    found, expected = said(place, score), wanted(place, score)
    assert len(found) == len(expected) > 0
    for name in found:
        if expected[name].dtype.kind == "f":
            np.testing.assert_array_equal(found[name].to_numpy(np.float64), expected[name].to_numpy(np.float64))
        else:
            assert found[name].astype(str).tolist() == expected[name].astype(str).tolist(), name


def test_scores_without_a_champion_say_so_and_harm_no_other(place, tmp_path, monkeypatch):
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    told = {score: sme_steps.predict(score, str(END), tmp_path / score) for score in SAY}
    assert told[LATE]["version"].startswith(f"{LATE}/")
    assert told[LATE]["tests"] == []
    assert (told[CASH]["version"], told[ODD]["version"]) == (FLOOR, "nobody")
    assert told[ODD]["tests"][0]["reason"] == "no champion of sme-anomaly; answered by: nobody"
    published = sme_steps.publish(str(END), tmp_path / "publish")
    assert published["answer"] == "ok"
    with reading(place) as db:
        count = "select count(*), count(distinct org_id), min(model_version) from gold.ml_cashflow_forecast"
        assert db.execute(f"{count} where as_of = ?", [END]).fetchone() == (60, 2, FLOOR)
        assert db.execute("select count(*) from gold.ml_anomaly_alerts").fetchone() == (0,)
        (ranked,) = db.execute("select count(expected_cash_rank) from gold.ml_ar_priority_scores").fetchone()
    assert ranked == told[LATE]["rows"]["predictions.late_payments"]


def test_a_registry_that_is_away_is_an_error_and_no_missing_champion(place):
    away = place.model_copy(update={"mlflow": "http://127.0.0.1:1"})
    with pytest.raises(NotReady, match="MLflow does not answer"):
        predict(away, ODD, END)
