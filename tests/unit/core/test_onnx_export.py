"""What a tree library predicts, its export predicts: every objective, missing values, values on a split."""

import lightgbm
import numpy as np
import pytest
import xgboost

from scoreops.core.errors import BadInput, Refused
from scoreops.core.onnx_export import lightgbm_graph, trained_columns, xgboost_graph
from scoreops.core.onnx_models import TOLERANCE, OnnxModel, single

RNG = np.random.default_rng(4)
ROWS = np.round(RNG.normal(size=(400, 5)) * [1, 10, 1, 0.01, 1], 2)
ROWS[RNG.random(ROWS.shape) < 0.1] = np.nan
ASKED = np.vstack([ROWS, RNG.normal(size=(600, 5)) * 5, np.full((1, 5), np.nan), np.zeros((1, 5))])
SIGNAL = np.nan_to_num(ROWS[:, 0]) + np.nan_to_num(ROWS[:, 1]) / 5
LABELS = {
    "two": (SIGNAL > 0).astype(int),
    "four": RNG.integers(0, 4, len(ROWS)),
    "money": SIGNAL * 1e6 + 5e6,
    "counts": RNG.poisson(np.exp(np.clip(SIGNAL, -2, 2))),
    "shares": 1 / (1 + np.exp(-SIGNAL)),
}


def xgboost_of(objective, labels, **more):
    settings = {"objective": objective, "max_depth": 4, "nthread": 1, **more}
    return xgboost.train(settings, xgboost.DMatrix(single(ROWS), LABELS[labels]), 40)


def lightgbm_of(objective, labels, **more):
    settings = {"objective": objective, "verbose": -1, "num_threads": 1, **more}
    booster = lightgbm.train(settings, lightgbm.Dataset(ROWS, LABELS[labels]), 40)
    return lightgbm.Booster(model_str=booster.model_to_string())


def edges(booster):
    """Rows that lie exactly on the splits of a booster, and just beside them."""
    frame = booster.trees_to_dataframe()
    splits = frame["Split" if "Split" in frame else "threshold"].dropna().to_numpy(np.float64)[:200]
    return np.vstack([np.repeat(np.nextafter(splits, away)[:, None], 5, axis=1) for away in (splits, np.inf, -np.inf)])


def same(data, asked, want):
    got = OnnxModel(data, "predict").table(asked)
    assert got.shape == want.shape
    assert np.max(np.abs(got - want) / np.maximum(np.abs(want), 1)) <= TOLERANCE


@pytest.mark.parametrize(
    ("objective", "labels", "more", "shape"),
    [
        ("binary:logistic", "two", {}, ()),
        ("binary:logitraw", "two", {}, ()),
        ("reg:logistic", "shares", {}, ()),
        ("multi:softprob", "four", {"num_class": 4}, (4,)),
        ("reg:squarederror", "money", {}, ()),
        ("reg:absoluteerror", "money", {}, ()),
        ("reg:quantileerror", "money", {"quantile_alpha": [0.1, 0.5, 0.9]}, (3,)),
        ("count:poisson", "counts", {}, ()),
        ("reg:gamma", "shares", {}, ()),
        ("reg:tweedie", "counts", {}, ()),
        pytest.param("binary:logistic", "two", {"base_score": 0.2}, (), id="a base score"),
        pytest.param("reg:squarederror", "money", {"min_split_loss": 1e30}, (), id="trees that are leaves"),
        pytest.param("multi:softprob", "four", {"num_class": 4, "num_parallel_tree": 3}, (4,), id="forests"),
    ],
)
def test_xgboost(objective, labels, more, shape):
    booster = xgboost_of(objective, labels, **more)
    data = xgboost_graph(booster, ROWS)
    for asked in (ASKED, edges(booster)) if "min_split_loss" not in more else (ASKED,):
        want = booster.predict(xgboost.DMatrix(single(asked)))
        assert want.shape[1:] == shape
        same(data, asked, want)


@pytest.mark.parametrize(
    ("objective", "labels", "more", "shape"),
    [
        ("binary", "two", {}, ()),
        pytest.param("binary", "two", {"sigmoid": 2.5}, (), id="a steeper sigmoid"),
        ("cross_entropy", "shares", {}, ()),
        ("multiclass", "four", {"num_class": 4}, (4,)),
        ("multiclassova", "four", {"num_class": 4, "sigmoid": 0.5}, (4,)),
        ("regression", "money", {}, ()),
        ("regression_l1", "money", {}, ()),
        ("huber", "money", {}, ()),
        ("quantile", "money", {"alpha": 0.9}, ()),
        ("poisson", "counts", {}, ()),
        ("gamma", "shares", {}, ()),
        ("tweedie", "counts", {}, ()),
        pytest.param("regression", "money", {"use_missing": False}, (), id="missing is zero"),
        pytest.param("regression", "money", {"boosting": "dart"}, (), id="dart"),
        pytest.param("regression", "money", {"min_data_in_leaf": 400}, (), id="trees that are leaves"),
    ],
)
def test_lightgbm(objective, labels, more, shape):
    booster = lightgbm_of(objective, labels, **more)
    data = lightgbm_graph(booster, ROWS)
    for asked in (ASKED, edges(booster)) if "min_data_in_leaf" not in more else (ASKED,):
        want = booster.predict(asked)
        assert want.shape[1:] == shape
        same(data, asked, want)


def linear():
    return xgboost.train({"booster": "gblinear", "nthread": 1}, xgboost.DMatrix(single(ROWS), LABELS["money"]), 2)


CATEGORIES = np.repeat(np.arange(8.0), 50)


def of_categories(library):
    labels = CATEGORIES % 2 + RNG.normal(size=len(CATEGORIES)) / 10
    if library == "lightgbm":
        data = lightgbm.Dataset(CATEGORIES[:, None], labels, categorical_feature=[0])
        return lightgbm.train({"verbose": -1, "min_data_per_group": 1, "num_threads": 1}, data, 3)
    data = xgboost.DMatrix(CATEGORIES[:, None], labels, feature_types=["c"], enable_categorical=True)
    return xgboost.train({"max_cat_to_onehot": 1, "nthread": 1}, data, 3)


@pytest.mark.parametrize(
    ("booster", "said"),
    [
        pytest.param(lambda: xgboost_of("rank:pairwise", "two"), "'rank:pairwise' cannot", id="an objective"),
        pytest.param(lambda: xgboost_of("multi:softmax", "four", num_class=4), "multi:softprob", id="labels only"),
        pytest.param(lambda: xgboost_of("reg:squarederror", "money", booster="dart"), "kind 'dart'", id="dart"),
        pytest.param(linear, "kind 'gblinear'", id="linear"),
        pytest.param(lambda: of_categories("xgboost"), "encode categories", id="categories in XGBoost"),
        pytest.param(lambda: of_categories("lightgbm"), "encode categories", id="categories in LightGBM"),
        pytest.param(lambda: lightgbm_of("regression", "money", reg_sqrt=True), "reg_sqrt", id="square roots"),
        pytest.param(lambda: lightgbm_of("regression", "money", linear_tree=True), "linear trees", id="linear trees"),
        pytest.param(lambda: lightgbm_of("regression", "money", zero_as_missing=True), "zero_as_missing", id="zeros"),
        pytest.param(
            lambda: lightgbm_of("binary", "two", boosting="rf", bagging_freq=1, bagging_fraction=0.7),
            "kind rf",
            id="rf",
        ),
        pytest.param(lambda: lightgbm_of("cross_entropy_lambda", "shares"), "cannot be exported", id="another link"),
    ],
)
def test_what_has_no_exact_graph_is_refused_in_words(booster, said):
    made = booster()
    export = xgboost_graph if isinstance(made, xgboost.Booster) else lightgbm_graph
    with pytest.raises(Refused, match=said):
        export(made, CATEGORIES[:, None] if "categor" in said else ROWS)


@pytest.mark.parametrize("rows", [np.zeros((3, 4)), np.zeros(5)], ids=["a column short", "no matrix"])
def test_rows_of_another_width_are_refused(rows):
    for export, booster in (
        (xgboost_graph, xgboost_of("binary:logistic", "two")),
        (lightgbm_graph, lightgbm_of("binary", "two")),
    ):
        with pytest.raises(BadInput, match=r"the model takes \[n, 5\]"):
            export(booster, rows)


@pytest.mark.parametrize(
    ("names", "known"),
    [(None, ()), (["Column_0", "Column_1"], ()), (["age", "Column_1"], ("age", "Column_1")), (["a"], ("a",))],
)
def test_names_that_a_library_made_up_are_none(names, known):
    assert trained_columns(names) == known


def test_a_margin_is_the_sum_of_the_trees():
    booster = lightgbm_of("binary", "two")
    got = OnnxModel(lightgbm_graph(booster, ROWS, margin=True), "predict")(ROWS)
    np.testing.assert_allclose(got, booster.predict(ROWS, raw_score=True), rtol=1e-6, atol=1e-6)
