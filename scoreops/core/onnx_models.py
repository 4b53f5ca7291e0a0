"""Tree models and forests as ONNX, each equal to the library that trained it within 1e-6, and their inference."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scoreops.core.errors import Refused

Array = NDArray[np.float64]

TOLERANCE: Final = 1e-6
_OPSET: Final = 15


class OnnxModel:
    """One input matrix, one output column; single-threaded, since a server scales by workers."""

    def __init__(self, data: bytes, output: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output]

    def __call__(self, rows: NDArray[np.float32]) -> Array:
        """The last column of the output for rows (n, d), as float64 (n,)."""
        made = self._session.run(self._outputs, {self._input: rows})[0]
        return np.asarray(made[:, -1] if made.ndim == 2 else made, dtype=np.float64)


def single(rows: Array) -> NDArray[np.float32]:
    """Rows as the 32-bit floats that trees compare; training must see the same rounding."""
    return np.ascontiguousarray(rows, dtype=np.float32)


def export_xgboost(booster: Any, rows: Array) -> bytes:
    """A binary XGBoost booster, checked on `rows`. Output "probabilities", last column: P(1)."""
    import xgboost
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    width = rows.shape[1]
    model = convert_xgboost(booster, initial_types=[("features", FloatTensorType([None, width]))], target_opset=_OPSET)
    data: bytes = model.SerializeToString()
    want = booster.predict(xgboost.DMatrix(single(rows)))
    return _checked(data, "probabilities", rows, np.asarray(want, dtype=np.float64), "XGBoost")


def export_lightgbm(booster: Any, rows: Array) -> bytes:
    """A LightGBM regressor, checked on `rows`. Output "variable", last column: the prediction."""
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    width = rows.shape[1]
    model = convert_lightgbm(booster, initial_types=[("features", FloatTensorType([None, width]))], target_opset=_OPSET)
    data: bytes = model.SerializeToString()
    want = booster.predict(single(rows).astype(np.float64), num_threads=1)
    return _checked(data, "variable", rows, np.asarray(want), "LightGBM")


def export_isolation_forest(forest: Any, rows: Array) -> bytes:
    """A scikit-learn IsolationForest as one tree ensemble, checked on `rows`.

    Output "score", the anomaly score in (0, 1) of Liu et al. 2008, higher is stranger: sklearn's -score_samples. Each
    leaf weighs its depth plus the expected depth of what it still holds; the sum over trees is the path length.
    """
    from onnx import TensorProto, helper

    columns: dict[str, list[Any]] = {}
    for tree_id, (estimator, used) in enumerate(zip(forest.estimators_, forest.estimators_features_, strict=True)):
        _tree_nodes(columns, tree_id, estimator.tree_, used)
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["depth"], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM",
        **columns,
    )  # fmt: skip
    scale = float(len(forest.estimators_) * _average_path(np.array([forest.max_samples_]))[0])
    nodes = [
        trees,
        helper.make_node("Mul", ["depth", "scale"], ["exponent"]),
        helper.make_node("Pow", ["two", "exponent"], ["score"]),
    ]
    constants = [
        helper.make_tensor("scale", TensorProto.FLOAT, [1], [-1 / scale]),
        helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0]),
    ]
    graph = helper.make_graph(
        nodes,
        "isolation_forest",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, rows.shape[1]])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return _checked(data, "score", rows, -forest.score_samples(single(rows)), "IsolationForest")


def _tree_nodes(columns: dict[str, list[Any]], tree_id: int, tree: Any, used: NDArray[np.int64]) -> None:
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    rest = _average_path(tree.n_node_samples)

    def put(name: str, value: Any) -> None:
        columns.setdefault(name, []).append(value)

    for node in range(tree.node_count):
        leaf = tree.children_left[node] < 0
        put("nodes_treeids", tree_id)
        put("nodes_nodeids", node)
        put("nodes_modes", "LEAF" if leaf else "BRANCH_LEQ")
        put("nodes_featureids", 0 if leaf else int(used[tree.feature[node]]))
        put("nodes_values", 0.0 if leaf else _below(tree.threshold[node]))
        put("nodes_truenodeids", 0 if leaf else int(tree.children_left[node]))
        put("nodes_falsenodeids", 0 if leaf else int(tree.children_right[node]))
        if leaf:
            put("target_treeids", tree_id)
            put("target_nodeids", node)
            put("target_ids", 0)
            put("target_weights", float(depth[node] + rest[node]))


def _below(threshold: float) -> float:
    """The largest 32-bit float that is not above the 64-bit threshold: x <= one is x <= the other for 32-bit x."""
    rounded = np.float32(threshold)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > threshold else rounded)


def _average_path(samples: NDArray[np.int64]) -> Array:
    n = np.asarray(samples, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        deep = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, deep))


def _checked(data: bytes, output: str, rows: Array, want: Array, what: str) -> bytes:
    """`data`, if it gives `want` on `rows`: within 1e-6, relative where values exceed 1 (32-bit floats)."""
    got = OnnxModel(data, output)(single(rows))
    worst = float(np.max(np.abs(got - want) / np.maximum(np.abs(want), 1.0), initial=0.0))
    if not worst <= TOLERANCE:
        raise Refused(f"the ONNX export of {what} differs from the library by {worst:.1e}, more than {TOLERANCE:.0e}")
    return data
