"""The scorers are fast and say what they said when their formulas were written one step after the other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scoreops.catalog import SCORES
from scoreops.kol.fusion import FusionRevision, Inputs, fuse
from scoreops.kol.fusion_score import FUSION_FEATURES, REVISION_FILE
from scoreops.kol.success_lstm import sequences
from tests import frozen
from tests.skew import cases

ROWS = 150


def test_trust_says_what_it_said():
    case = cases()["trust"]
    rows, comments, platforms = (tensor.data[:ROWS] for tensor in case.tensors)
    got = (
        SCORES["trust"]
        .load(case.files)
        .infer({"features": rows, "comments": comments, "platforms": platforms}, {"reasons": True})
    )
    old = frozen.Trust(case.files)
    want = [old.answer(row, json.loads(said), p) for row, said, p in zip(rows, comments, platforms, strict=True)]
    *numbers, abstained, reasons = zip(*want, strict=True)
    for name, values in zip(("score", "low", "high", "percentile"), numbers, strict=True):
        np.testing.assert_allclose(got[name], values, rtol=1e-13, err_msg=name)
    assert got["abstained"].tolist() == list(abstained)
    assert 0 < sum(abstained) < ROWS
    assert [json.loads(said) for said in got["reasons"]] == list(reasons)


def test_success_says_what_it_said():
    case = cases()["success"]
    rows = case.tensors[0].data[:ROWS]
    got = SCORES["success"].load(case.files).infer({"features": rows}, {})
    want = frozen.Success(case.files).answer(rows)
    assert 0 < want["degraded"].sum() < ROWS
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-13, err_msg=name)
    np.testing.assert_array_equal(sequences(rows), frozen.sequences(rows))


@pytest.mark.parametrize("rows", [1, 2, ROWS])
def test_fusion_says_what_it_said(rows):
    case = cases()["fusion"]
    asked = case.tensors[0].data[-rows:]
    revision = FusionRevision.model_validate_json(case.files[REVISION_FILE])
    got, want = SCORES["fusion"].load(case.files).infer({"features": asked}, {}), frozen.decisions(asked, revision)
    assert set(got) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-13, err_msg=name)


@pytest.mark.parametrize("seed", range(20))
def test_ranks_lie_between_the_same_ranks(seed):
    """Equal values and certain ones among them: where ranks jump, a quantile rounds either way."""
    rng = np.random.default_rng(seed)
    asked = np.round(rng.uniform(0, 100, (int(rng.integers(2, 60)), len(FUSION_FEATURES))))
    asked[rng.random(len(asked)) < 0.3, 1:3] = 50
    asked[rng.random(asked.shape) < 0.05] = np.nan
    revision = FusionRevision.model_validate_json(cases()["fusion"].files[REVISION_FILE])
    made = fuse(Inputs(**dict(zip(FUSION_FEATURES.columns, asked.T, strict=True))), revision)
    want = frozen.decisions(asked, revision)
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(made, name), want[name], err_msg=name)
