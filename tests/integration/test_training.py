"""Training on a small world through real Kafka, the lake, MLflow and the compiled pipeline."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pandas as pd
import pyarrow.parquet as pq
import pytest

from feature_repo.frames import Known, frame
from feature_repo.frames.trust import read_labels
from feature_repo.lake_writer import LakeWriter
from ingestion.generate import write_world
from ingestion.replay import lines, replay
from kfp_pipelines.checks import check_leakage
from kfp_pipelines.coupling import write_lag
from kfp_pipelines.features import build_features
from kfp_pipelines.run_local import run
from scoreops.adapters.registry import Registry
from scoreops.core.verdict import Outcome


@pytest.fixture(scope="module")
def trained(settings, module_topics, tmp_path_factory):
    """A lake with 120 KOLs over 12 days, labels on their topic, offline features up to the world's last hour."""
    home = tmp_path_factory.mktemp("training")
    own = settings.model_copy(update={"home": home, "lake": home / "lake"})
    made = write_world(home / "world", kols=120, days=12, seed=9)
    replay(lines(home / "world" / "events.jsonl.gz"), own)
    replay(lines(home / "world" / "labels.jsonl", "labels"), own, form="labels")
    LakeWriter(own).run(threading.Event(), until_idle=True)
    until = int(datetime.fromisoformat(made["end"]).timestamp()) // 3600
    build_features(own, until, home / "outcomes")
    return own, until, home / "outcomes"


def leaks(verdicts):
    return {verdict.gate: verdict.outcome for verdict in verdicts}


def test_features_that_were_known_at_their_hour_pass(trained):
    own, until, outcomes = trained
    for score in ("trust", "success"):
        verdicts = check_leakage(Known(own, outcomes, until), score)
        assert [verdict.reason for verdict in verdicts if verdict.outcome is not Outcome.PASS] == []


@pytest.mark.parametrize(
    ("score", "view", "column"),
    [
        ("success", "kol_success", "clicks_past_1h"),
        ("trust", "kol_trust", "spam_share"),
    ],
)
def test_a_feature_from_the_future_is_refused(trained, score, view, column):
    own, until, outcomes = trained
    file = own.offline_dir / f"{view}.parquet"
    honest = pq.read_table(file)
    frame = honest.to_pandas()
    frame[column] = frame.groupby("kol_id")[column].shift(-1)  # what only the next row knows
    try:
        frame.to_parquet(file)
        found = leaks(check_leakage(Known(own, outcomes, until), score))
        assert found[f"leakage_{view}"] is Outcome.FAIL
    finally:
        pq.write_table(honest, file)


def test_labels_are_only_those_known_by_then(trained):
    own, until, _ = trained
    every = read_labels(own, until)
    half = read_labels(own, until - 5 * 24)
    assert 0 < len(half) < len(every)
    assert all(label.label_time < datetime.fromtimestamp((until - 5 * 24) * 3600, UTC) for label in half)


def test_the_trust_score_of_success_rows_is_older_than_their_hour(trained, tmp_path):
    own, until, outcomes = trained
    known = Known(own, outcomes, until)
    frame("trust").rows(known).to_parquet(tmp_path / "rows.parquet")
    assert write_lag(own, until, tmp_path) > 0
    rows = frame("success").rows(known)
    scored = rows["trust_score_t_1"].notna()
    assert scored.any()
    table = pq.read_table(own.offline_dir / "kol_trust_lag.parquet").to_pandas()
    known = rows.loc[scored].merge(table, on=["kol_id", "trust_score_t_1"], suffixes=("", "_lag"))
    assert (
        known.groupby(["kol_id", "event_timestamp"])["scored_at"]
        .min()
        .lt(known.groupby(["kol_id", "event_timestamp"])["event_timestamp"].first())
        .all()
    )
    assert leaks(check_leakage(Known(own, outcomes, until), "success"))["trust_score_t_1"] is Outcome.PASS
    late = table.assign(scored_at=table["event_timestamp"])
    late.to_parquet(own.offline_dir / "kol_trust_lag.parquet")
    assert leaks(check_leakage(Known(own, outcomes, until), "success"))["trust_score_t_1"] is Outcome.FAIL


@pytest.mark.timeout(400)
def test_the_coupled_pipeline_feeds_trust_scores_to_success_and_registers_both(trained, mlflow):
    own, until, _ = trained
    reports = run("kol_train_coupled", {"until": until, "labels": "", "rehearse": "", "fusion": True}, own)
    registered = {report["score"] for report in reports if report["step"] == "register"}
    failed = [v for report in reports for v in report.get("verdicts", []) if v["outcome"] == "Fail"]
    assert registered == {"trust", "success"}, failed
    order = [(report["step"], report.get("score")) for report in reports]
    assert order.index(("train", "trust")) < order.index(("train", "success"))
    version, files = Registry(own.mlflow_url).fetch("success", "candidate")
    assert "trust_score_t_1" in json.loads(files["bundle.json"])["columns"]
    rows = [pd.read_parquet(file) for file in (own.root / "pipelines").glob("kol_train_coupled*/**/rows.parquet")]
    fed = next(frame for frame in rows if "trust_score_t_1" in frame)["trust_score_t_1"]
    assert fed.notna().any()
    assert fed.dropna().between(0, 100).all()
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert version.number >= 1
    if {"trust", "success"} - {name for name in registered if "champion" in Registry(own.mlflow_url).aliases(name)}:
        weighed = next(report for report in reports if report["step"] == "weigh")
        assert [verdict["outcome"] for verdict in weighed["verdicts"]] == ["Insufficient"]
