"""XGBoost and LightGBM models as ONNX graphs with one output `predict`: what `booster.predict` returns.

Input `features` is a matrix of the floats that the library compares, 32-bit for XGBoost and 64-bit for LightGBM; NaN is
missing. Each export is compared with its library on example rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput, Refused
from scoreops.core.onnx_models import OnnxModel, checked, single
from scoreops.core.tree_ensemble import Ensemble, Mode, Split

FEATURES: Final = "features"
PREDICT: Final = "predict"
_XGBOOST: Final[Mapping[str, str]] = {
    "binary:logistic": "Sigmoid",
    "reg:logistic": "Sigmoid",
    "binary:logitraw": "Identity",
    "multi:softprob": "Softmax",
    "reg:squarederror": "Identity",
    "reg:squaredlogerror": "Identity",
    "reg:pseudohubererror": "Identity",
    "reg:absoluteerror": "Identity",
    "reg:quantileerror": "Identity",
    "count:poisson": "Exp",
    "reg:gamma": "Exp",
    "reg:tweedie": "Exp",
}
_LIGHTGBM: Final[Mapping[str, str]] = {
    "binary": "Sigmoid",
    "cross_entropy": "Sigmoid",
    "multiclass": "Softmax",
    "multiclassova": "Sigmoid",
    "regression": "Identity",
    "regression_l1": "Identity",
    "huber": "Identity",
    "fair": "Identity",
    "quantile": "Identity",
    "mape": "Identity",
    "poisson": "Exp",
    "gamma": "Exp",
    "tweedie": "Exp",
}
"""Objective -> the operator from the sum of the trees to the prediction."""
_ZERO: Final = float(np.float32(1e-35))
"""LightGBM reads a value that is not further from 0 as 0."""
_TO_MARGIN: Final[Mapping[str, Any]] = {
    "Sigmoid": lambda base: np.log(base) - np.log1p(-base),
    "Exp": np.log,
    "Identity": np.asarray,
    "Softmax": np.asarray,
}
"""XGBoost keeps its base score as a prediction; the sum of the trees starts from what gives it."""


def xgboost_graph(booster: Any, rows: NDArray[np.float64]) -> bytes:
    """A booster of trees, checked on `rows` (n, d). `predict` is FP32, (n,) or (n, classes).

    Raises BadInput for rows of another width, Refused for what has no exact graph.
    """
    import xgboost

    learner = json.loads(booster.save_raw("json"))["learner"]
    kind, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    link = _link("XGBoost", _XGBOOST, objective)
    if kind != "gbtree":
        raise Refused(f"an XGBoost booster of kind {kind!r} cannot be exported, only gbtree")
    model, shape = learner["gradient_booster"]["model"], learner["learner_model_param"]
    width = _fits(rows, int(shape["num_feature"]))
    targets = max(int(shape["num_class"]), int(shape["num_target"]), 1)
    trees = Ensemble(Mode.BELOW, targets, np.float32)
    base = _TO_MARGIN[link](np.array(json.loads(shape["base_score"]), dtype=np.float64))
    for target, margin in enumerate(np.broadcast_to(base, targets)):
        trees.add(float(margin), target)  # as a first tree: XGBoost too adds its trees to the base, in 32 bits
    for tree, target in zip(model["trees"], model["tree_info"], strict=True):
        trees.add(_xgboost_tree(tree), int(target))
    data = _graph(trees, width, targets, link, scale=1.0, dtype=np.float32)
    want = booster.predict(xgboost.DMatrix(single(rows)), validate_features=False)
    return _checked(data, rows, want, "XGBoost")


def _xgboost_tree(tree: Mapping[str, Any]) -> Split | float:
    if any(tree["split_type"]):
        raise Refused("XGBoost trees that split on categories cannot be exported; encode categories as numbers")
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise Refused(
            'XGBoost trees with vector leaves cannot be exported; train with multi_strategy="one_output_per_tree"'
        )
    left, right, split = tree["left_children"], tree["right_children"], tree["split_conditions"]

    def node(at: int) -> Split | float:
        if left[at] < 0:
            return float(split[at])  # of a leaf it is the weight
        missing_left = bool(tree["default_left"][at])
        return Split(int(tree["split_indices"][at]), float(split[at]), missing_left, node(left[at]), node(right[at]))

    return node(0)


def lightgbm_graph(booster: Any, rows: NDArray[np.float64], *, margin: bool = False) -> bytes:
    """A booster of trees, checked on `rows` (n, d). `predict` is FP64, (n,) or (n, classes). Raises as above.

    With `margin` it is the sum of the trees, before the link: for a classifier the log-odds.
    """
    dump = booster.dump_model()
    name, *options = dump.get("objective", "regression").split()
    settings = dict(option.partition(":")[::2] for option in options)
    link = "Identity" if margin else _link("LightGBM", _LIGHTGBM, name)
    if "sqrt" in settings or dump.get("average_output"):
        raise Refused("a LightGBM model with reg_sqrt or of kind rf cannot be exported")
    width = _fits(rows, dump["max_feature_idx"] + 1)
    targets = dump["num_tree_per_iteration"]
    trees = Ensemble(Mode.AT_MOST, targets, np.float64)
    for place, tree in enumerate(dump["tree_info"]):
        trees.add(_lightgbm_tree(tree["tree_structure"]), place % targets)
    scale = 1.0 if margin else float(settings.get("sigmoid", 1.0))
    data = _graph(trees, width, targets, link, scale=scale, dtype=np.float64)
    return _checked(data, rows, booster.predict(rows, raw_score=margin, num_threads=1), "LightGBM")


def _lightgbm_tree(node: Mapping[str, Any]) -> Split | float:
    if "leaf_value" in node:
        if "leaf_coeff" in node:
            raise Refused("LightGBM's linear trees cannot be exported")
        return float(node["leaf_value"])
    if node["decision_type"] != "<=":
        raise Refused("LightGBM trees that split on categories cannot be exported; encode categories as numbers")
    if node["missing_type"] == "Zero":
        raise Refused("a LightGBM model with zero_as_missing cannot be exported")
    threshold = float(node["threshold"])
    # LightGBM reads a missing value as 0 where training saw none, else sends it where it learned to.
    missing_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0
    left, right = _lightgbm_tree(node["left_child"]), _lightgbm_tree(node["right_child"])
    return Split(int(node["split_feature"]), _around_zero(threshold), missing_left, left, right)


def _around_zero(threshold: float) -> float:
    """The threshold that sends values of at most `_ZERO` the way of 0, as LightGBM does."""
    if abs(threshold) > _ZERO:
        return threshold
    return _ZERO if threshold >= 0 else float(np.nextafter(-_ZERO, -np.inf))


def _link(library: str, known: Mapping[str, str], objective: str) -> str:
    if objective not in known:
        raise Refused(f"{library} objective {objective!r} cannot be exported, only {', '.join(known)}")
    return known[objective]


def _fits(rows: NDArray[np.float64], width: int) -> int:
    if rows.ndim != 2 or rows.shape[1] != width:
        raise BadInput(f"have shape {list(rows.shape)}, the model takes [n, {width}]", "rows")
    return width


def _graph(
    trees: Ensemble,
    width: int,
    targets: int,
    link: str,
    *,
    scale: float,
    dtype: type[np.float32 | np.float64],
) -> bytes:
    """A graph of predict = link(scale * sum of the trees); the trees are summed in `dtype`, the rest in 64 bits."""
    from onnx import TensorProto, helper, numpy_helper

    kind, wide = helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), TensorProto.DOUBLE
    steps: list[tuple[bool, str, list[str], dict[str, Any]]] = [
        (True, "TreeEnsemble", [], {"domain": "ai.onnx.ml", **trees.attributes()}),
        (kind != wide, "Cast", [], {"to": wide}),
        (scale != 1, "Mul", ["scale"], {}),
        (link != "Identity", link, [], {"axis": 1} if link == "Softmax" else {}),
        (True, "Reshape", ["shape"], {}),
        (kind != wide, "Cast", [], {"to": kind}),
    ]
    needed = [step[1:] for step in steps if step[0]]
    names = [FEATURES, *(f"step{place}" for place in range(1, len(needed))), PREDICT]
    nodes = [
        helper.make_node(kind_of, [names[place], *more], [names[place + 1]], **options)
        for place, (kind_of, more, options) in enumerate(needed)
    ]
    shape = [-1] if targets == 1 else [-1, targets]
    constants = {"scale": np.array([scale]), "shape": np.array(shape, dtype=np.int64)}
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info(FEATURES, kind, ["rows", width])],
        [helper.make_tensor_value_info(PREDICT, kind, ["rows", *shape[1:]])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return data


def _checked(data: bytes, rows: NDArray[np.float64], want: NDArray[Any], library: str) -> bytes:
    got = OnnxModel(data, PREDICT).table(rows)
    if got.shape != want.shape:
        raise Refused(f"the export of {library} gives {list(got.shape)}, the library {list(want.shape)}")
    return checked(data, got, np.asarray(want, dtype=np.float64), library)


def trained_columns(names: Sequence[str] | None) -> tuple[str, ...]:
    """The names a booster was trained with; none where the library made them up."""
    made_up = names is None or all(name == f"Column_{place}" for place, name in enumerate(names))
    return () if made_up else tuple(names or ())
