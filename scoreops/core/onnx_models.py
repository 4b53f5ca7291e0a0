"""Tree models and forests as ONNX, each equal to the library that trained it within 1e-6, and their inference."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scoreops.core.errors import Refused
from scoreops.core.tree_ensemble import Ensemble, Mode, Split

Array = NDArray[np.float64]

TOLERANCE: Final = 1e-6
_OPSET: Final = 15


class OnnxModel:
    """One input matrix, one output column; single-threaded, since a server scales by workers."""

    def __init__(self, data: bytes, *outputs: str) -> None:
        """Load a model and name what to ask of it: the first of `outputs` that it has."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        source = self._session.get_inputs()[0]
        self._input = source.name
        self._dtype = np.float64 if source.type == "tensor(double)" else np.float32
        had = {output.name for output in self._session.get_outputs()}
        self.output = next((name for name in outputs if name in had), outputs[0])

    def __call__(self, rows: NDArray[Any]) -> Array:
        """The last column of the output for rows (n, d), as float64 (n,)."""
        made = self.table(rows)
        return made[:, -1] if made.ndim == 2 else made

    def table(self, rows: NDArray[Any]) -> Array:
        """The whole output for rows (n, ...), as float64 (n,) or (n, m)."""
        made = self._session.run([self.output], {self._input: np.ascontiguousarray(rows, dtype=self._dtype)})[0]
        return np.asarray(made, dtype=np.float64)


def single(rows: Array) -> NDArray[np.float32]:
    """Rows as the 32-bit floats that trees compare; training must see the same rounding."""
    return np.ascontiguousarray(rows, dtype=np.float32)


def export_xgboost(booster: Any, rows: Array) -> bytes:
    """A binary XGBoost booster, checked on `rows`. Output "margin", (n, 1): the log-odds of label 1.

    The usual converter gives probabilities: 32-bit ones, whose log-odds are off by 1e-5 where the booster is sure.
    """
    import xgboost
    from onnx import TensorProto, helper
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    width = rows.shape[1]
    made = convert_xgboost(booster, initial_types=[("features", FloatTensorType([None, width]))], target_opset=_OPSET)
    (classifier,) = made.graph.node
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in classifier.attribute}
    kept = {name: value for name, value in given.items() if name.startswith("nodes_") or name == "base_values"}
    leaves = {f"target_{part}": given[f"class_{part}"] for part in ("treeids", "nodeids", "weights")}
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["margin"], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM",
        target_ids=[0] * len(given["class_ids"]), **kept, **leaves,
    )  # fmt: skip
    graph = helper.make_graph(
        [trees],
        "xgboost",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("margin", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    want = booster.predict(xgboost.DMatrix(single(rows)), output_margin=True)
    return checked(data, OnnxModel(data, "margin")(rows), np.asarray(want, dtype=np.float64), "XGBoost")


def export_isolation_forest(forest: Any, rows: Array) -> bytes:
    """A scikit-learn IsolationForest as one tree ensemble, checked on `rows`.

    Output "score", the anomaly score in (0, 1) of Liu et al. 2008, higher is stranger: sklearn's -score_samples. Each
    leaf weighs its depth plus the expected depth of what it still holds; the sum over trees is the path length. As in
    the library, 32-bit values meet 64-bit thresholds and are counted in 64 bits.
    """
    from onnx import TensorProto, helper

    trees = Ensemble(Mode.AT_MOST, 1, np.float64)
    for estimator, used in zip(forest.estimators_, forest.estimators_features_, strict=True):
        trees.add(_sklearn_tree(estimator.tree_, used, _depths(estimator.tree_), 0))
    scale = float(len(forest.estimators_) * _average_path(np.array([forest.max_samples_]))[0])
    nodes = [
        helper.make_node("Cast", ["features"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("TreeEnsemble", ["wide"], ["depth"], domain="ai.onnx.ml", **trees.attributes()),
        helper.make_node("Mul", ["depth", "scale"], ["exponent"]),
        helper.make_node("Pow", ["two", "exponent"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "isolation_forest",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, rows.shape[1]])],
        [helper.make_tensor_value_info("score", TensorProto.DOUBLE, [None, 1])],
        [
            helper.make_tensor("scale", TensorProto.DOUBLE, [1], [-1 / scale]),
            helper.make_tensor("two", TensorProto.DOUBLE, [1], [2.0]),
        ],
    )
    data = _bytes(graph)
    return checked(data, OnnxModel(data, "score")(rows), -forest.score_samples(single(rows)), "IsolationForest")


def _bytes(graph: Any) -> bytes:
    """A model of a graph with a TreeEnsemble."""
    from onnx import helper

    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return data


def _sklearn_tree(tree: Any, used: NDArray[np.int64], values: Array, node: int) -> Split | float:
    """What hangs below `node` of a tree of the columns `used`, with `values` for its leaves; no value is missing."""
    if tree.children_left[node] < 0:
        return float(values[node])
    left, right = (_sklearn_tree(tree, used, values, side[node]) for side in (tree.children_left, tree.children_right))
    return Split(int(used[tree.feature[node]]), float(tree.threshold[node]), False, left, right)


def _depths(tree: Any) -> Array:
    """Depth of each node plus the expected depth of what it holds."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth + _average_path(tree.n_node_samples)


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
