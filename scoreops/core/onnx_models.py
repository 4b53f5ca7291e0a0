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
        source = self._session.get_inputs()[0]
        self._input = source.name
        self._dtype = np.float64 if source.type == "tensor(double)" else np.float32
        self._outputs = [output]

    def __call__(self, rows: Array) -> Array:
        """The last column of the output for rows (n, d), as float64 (n,)."""
        made = self.table(rows)
        return made[:, -1] if made.ndim == 2 else made

    def table(self, rows: NDArray[Any]) -> Array:
        """The whole output for rows (n, ...), as float64 (n,) or (n, m)."""
        made = self._session.run(self._outputs, {self._input: np.ascontiguousarray(rows, dtype=self._dtype)})[0]
        return np.asarray(made, dtype=np.float64)


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
    return checked(data, OnnxModel(data, "probabilities")(rows), np.asarray(want, dtype=np.float64), "XGBoost")


def export_lightgbm(booster: Any, rows: Array) -> bytes:
    """A LightGBM regressor without categories, checked on `rows`. Output "forecast", (n, 1).

    The usual converter sums 32-bit floats and misses the tolerance; this ensemble compares and sums in 64 bits.
    """
    from onnx import TensorProto, helper

    trees = _Trees()
    for tree in booster.dump_model()["tree_info"]:
        trees.add(tree["tree_structure"])
    ensemble = helper.make_node(
        "TreeEnsemble", ["features"], ["forecast"], domain="ai.onnx.ml", n_targets=1, **trees.attributes()
    )
    graph = helper.make_graph(
        [ensemble],
        "lightgbm",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, rows.shape[1]])],
        [helper.make_tensor_value_info("forecast", TensorProto.DOUBLE, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return checked(data, OnnxModel(data, "forecast")(rows), booster.predict(rows, num_threads=1), "LightGBM")


class _Trees:
    """LightGBM's trees as the attributes of one ONNX TreeEnsemble: inner nodes and leaves in arrays of their own."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._inner: list[list[Any]] = []
        self._leaves: list[float] = []

    def add(self, tree: dict[str, Any]) -> None:
        """Add one tree; a tree that is a leaf becomes a split with that leaf on both sides."""
        self._roots.append(len(self._inner))
        if "leaf_value" in tree:
            place, _ = self._place(tree)
            self._inner.append([0, 0.0, place, 1, place, 1, 0])
        else:
            self._place(tree)

    def _place(self, node: dict[str, Any]) -> tuple[int, int]:
        """Index of `node` and whether it is a leaf, after it and what hangs below were added."""
        if "leaf_value" in node:
            self._leaves.append(float(node["leaf_value"]))
            return len(self._leaves) - 1, 1
        index, threshold = len(self._inner), float(node["threshold"])
        # LightGBM reads a missing value as 0 where training saw none, else sends it where it learned to.
        missing_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        row = [int(node["split_feature"]), threshold]
        self._inner.append(row)
        row += [*self._place(node["left_child"]), *self._place(node["right_child"]), int(missing_left)]
        return index, 0

    def attributes(self) -> dict[str, Any]:
        """Attributes of the operator; thresholds and weights in 64 bits. Mode 0 is <=, aggregation 1 is the sum."""
        from onnx import numpy_helper

        features, splits, left, left_leaf, right, right_leaf, missing = (
            list(c) for c in zip(*self._inner, strict=True)
        )
        return {
            "aggregate_function": 1,
            "tree_roots": self._roots,
            "nodes_featureids": features,
            "nodes_modes": numpy_helper.from_array(np.zeros(len(features), dtype=np.uint8)),
            "nodes_splits": numpy_helper.from_array(np.array(splits, dtype=np.float64)),
            "nodes_truenodeids": left,
            "nodes_trueleafs": left_leaf,
            "nodes_falsenodeids": right,
            "nodes_falseleafs": right_leaf,
            "nodes_missing_value_tracks_true": missing,
            "leaf_targetids": [0] * len(self._leaves),
            "leaf_weights": numpy_helper.from_array(np.array(self._leaves, dtype=np.float64)),
        }


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
    return checked(data, OnnxModel(data, "score")(rows), -forest.score_samples(single(rows)), "IsolationForest")


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


def checked(data: bytes, got: NDArray[Any], want: NDArray[Any], what: str) -> bytes:
    """`data`, if `got` is `want` within 1e-6, relative where values exceed 1 (32-bit floats). Raises Refused."""
    worst = float(np.max(np.abs(got - want) / np.maximum(np.abs(want), 1.0), initial=0.0))
    if not worst <= TOLERANCE:
        raise Refused(f"the ONNX export of {what} differs from the library by {worst:.1e}, more than {TOLERANCE:.0e}")
    return data
