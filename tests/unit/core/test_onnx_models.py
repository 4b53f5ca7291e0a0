"""Exported models answer as the libraries that trained them, missing values included."""

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import IsolationForest

from scoreops.core.errors import Refused
from scoreops.core.onnx_models import (
    TOLERANCE,
    OnnxModel,
    checked,
    export_isolation_forest,
    export_xgboost,
    single,
)

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(600, 6))
LABELS = (ROWS[:, 0] + ROWS[:, 1] ** 2 > 0.5).astype(float)
ASKED = RNG.normal(size=(2000, 6)) * 2
HOLES = np.where(RNG.random(ASKED.shape) < 0.2, np.nan, ASKED)


def worst(got, want):
    return np.max(np.abs(got - want) / np.maximum(np.abs(want), 1))


@pytest.mark.parametrize("asked", [pytest.param(ASKED, id="known"), pytest.param(HOLES, id="with holes")])
@pytest.mark.parametrize("holes", [False, True])
def test_xgboost(asked, holes):
    rows = np.where(np.random.default_rng(2).random(ROWS.shape) < 0.1, np.nan, ROWS) if holes else ROWS
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(single(rows), LABELS), 60)
    made = OnnxModel(export_xgboost(booster, rows), "margin")(asked)
    assert worst(made, booster.predict(xgboost.DMatrix(single(asked)), output_margin=True)) <= TOLERANCE


def test_a_sure_booster_keeps_the_digits_of_its_log_odds():
    """A probability of 0.9999 in 32 bits knows its log-odds to three digits; the margin has all of the library's."""
    settings = {"objective": "binary:logistic", "eta": 1.0, "lambda": 0.0, "min_child_weight": 0.0, "base_score": 0.5}
    booster = xgboost.train(settings, xgboost.DMatrix(single(ROWS), LABELS), 40)
    want = booster.predict(xgboost.DMatrix(single(ASKED)), output_margin=True)
    assert np.abs(want).max() > 9
    np.testing.assert_array_equal(OnnxModel(export_xgboost(booster, ROWS), "margin")(ASKED), want)


@pytest.mark.parametrize("features", [1.0, 0.5])
def test_isolation_forest(features):
    forest = IsolationForest(n_estimators=50, max_features=features, random_state=1).fit(single(ROWS))
    made = OnnxModel(export_isolation_forest(forest, ROWS), "score")(ASKED)
    assert worst(made, -forest.score_samples(single(ASKED))) <= TOLERANCE
    assert ((made > 0) & (made < 1)).all()
    assert made[np.abs(ASKED).sum(axis=1).argmax()] > np.median(made)


def test_a_forest_of_a_constant_is_leaves():
    flat = np.ones((20, 6))
    forest = IsolationForest(n_estimators=3, random_state=1).fit(flat)
    made = OnnxModel(export_isolation_forest(forest, flat), "score")(ASKED[:5])
    np.testing.assert_allclose(made, -forest.score_samples(ASKED[:5]))


def test_values_on_a_split_go_the_same_way():
    """64-bit thresholds between two 32-bit floats: rounding one of them up would send a row down the other side."""
    forest = IsolationForest(n_estimators=30, random_state=3).fit(single(np.round(ROWS, 1)))
    edges = np.concatenate([e.tree_.threshold[e.tree_.feature >= 0] for e in forest.estimators_])
    near = np.repeat(np.nextafter(edges.astype(np.float32), np.float32(np.inf))[:, None], 6, axis=1).astype(np.float64)
    made = OnnxModel(export_isolation_forest(forest, ROWS), "score")
    for rows in (near, np.repeat(edges[:, None], 6, axis=1)):
        assert worst(made(rows), -forest.score_samples(single(rows))) <= TOLERANCE


def test_an_export_that_differs_is_refused_with_by_how_much():
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(single(ROWS), LABELS), 5)
    data = export_xgboost(booster, ROWS)
    want = booster.predict(xgboost.DMatrix(single(ROWS)), output_margin=True).astype(float)
    got = OnnxModel(data, "margin")(ROWS)
    assert checked(data, got, want, "XGBoost") is data
    with pytest.raises(Refused, match=r"ONNX export of XGBoost differs from the library by 1\.0e-05"):
        checked(data, got, want + 1e-5, "XGBoost")
    with pytest.raises(Refused):
        checked(data, got, want * np.nan, "XGBoost")
