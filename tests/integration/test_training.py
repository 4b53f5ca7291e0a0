"""Training on a small world through real Kafka, the lake, MLflow and the compiled pipeline."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pandas as pd
import pyarrow.parquet as pq
import pytest

from feature_repo.lake_writer import LakeWriter
from ingestion.generate import write_world
from ingestion.replay import lines, replay
from kfp_pipelines.checks import check_leakage
from kfp_pipelines.coupling import write_lag
from kfp_pipelines.dataset import read_labels, rows_of
from kfp_pipelines.features import build_features
from scoreops.core.verdict import Outcome


@pytest.fixture(scope="module")
def trained(settings, kafka, tmp_path_factory):
    """A lake with 120 KOLs over 12 days, labels on their topic, offline features up to the world's last hour."""
    from scoreops.local.runtime import up

    up([kafka])
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
    own, until, _ = trained
    for score in ("trust", "success"):
        verdicts = check_leakage(own, score, until)
        assert [verdict.reason for verdict in verdicts if verdict.outcome is not Outcome.PASS] == []


@pytest.mark.parametrize(
    ("score", "view", "column"),
    [
        ("success", "kol_success", "clicks_past_1h"),
        ("trust", "kol_trust", "spam_share"),
    ],
)
def test_a_feature_from_the_future_is_refused(trained, score, view, column):
    own, until, _ = trained
    file = own.offline_dir / f"{view}.parquet"
    honest = pq.read_table(file)
    frame = honest.to_pandas()
    frame[column] = frame.groupby("kol_id")[column].shift(-1)  # what only the next row knows
    try:
        frame.to_parquet(file)
        found = leaks(check_leakage(own, score, until))
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
    known = pd.read_parquet(outcomes / "outcomes.parquet")
    rows_of("trust", own, known, until, "").to_parquet(tmp_path / "rows.parquet")
    assert write_lag(own, until, tmp_path) > 0
    rows = rows_of("success", own, known, until, "")
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
    assert leaks(check_leakage(own, "success", until))["trust_score_t_1"] is Outcome.PASS
    late = table.assign(scored_at=table["event_timestamp"])
    late.to_parquet(own.offline_dir / "kol_trust_lag.parquet")
    assert leaks(check_leakage(own, "success", until))["trust_score_t_1"] is Outcome.FAIL
