"""Trees of any library as one ONNX operator: nodes in, attributes of `TreeEnsemble` out."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Mode(IntEnum):
    """When a value goes to the left, in the operator's own numbers."""

    AT_MOST = 0
    BELOW = 1


class Split(NamedTuple):
    """An inner node. A child is a split or, as a float, a leaf. A missing value goes left where `missing_left`."""

    feature: int
    threshold: float
    missing_left: bool
    left: Split | float
    right: Split | float


class Ensemble:
    """Trees whose leaves are summed for each of `targets` outputs, computed in `dtype`."""

    def __init__(self, mode: Mode, targets: int, dtype: type[np.float32 | np.float64]) -> None:
        self._mode = mode
        self._targets = targets
        self._dtype = dtype
        self._roots: list[int] = []
        self._inner: list[list[Any]] = []
        self._leaves: list[tuple[float, int]] = []

    def add(self, tree: Split | float, target: int = 0) -> None:
        """Add one tree for `target`; one that is a leaf becomes a split with that leaf on both sides."""
        self._roots.append(len(self._inner))
        self._place(Split(0, 0.0, True, tree, tree) if isinstance(tree, float) else tree, target)

    def _place(self, node: Split | float, target: int) -> tuple[int, int]:
        """Index of `node` and whether it is a leaf, after it and what hangs below were added."""
        if isinstance(node, float):
            self._leaves.append((node, target))
            return len(self._leaves) - 1, 1
        index = len(self._inner)
        row: list[Any] = [node.feature, node.threshold]
        self._inner.append(row)
        row += [*self._place(node.left, target), *self._place(node.right, target), int(node.missing_left)]
        return index, 0

    def attributes(self) -> dict[str, Any]:
        """Attributes of the operator. Aggregation 1 is the sum."""
        from onnx import numpy_helper

        features, splits, left, left_leaf, right, right_leaf, missing = (
            list(column) for column in zip(*self._inner, strict=True)
        )
        weights, targets = (list(column) for column in zip(*self._leaves, strict=True))
        return {
            "n_targets": self._targets,
            "aggregate_function": 1,
            "tree_roots": self._roots,
            "nodes_featureids": features,
            "nodes_modes": numpy_helper.from_array(np.full(len(features), self._mode, dtype=np.uint8)),
            "nodes_splits": numpy_helper.from_array(self._numbers(splits)),
            "nodes_truenodeids": left,
            "nodes_trueleafs": left_leaf,
            "nodes_falsenodeids": right,
            "nodes_falseleafs": right_leaf,
            "nodes_missing_value_tracks_true": missing,
            "leaf_targetids": targets,
            "leaf_weights": numpy_helper.from_array(self._numbers(weights)),
        }

    def _numbers(self, values: list[float]) -> NDArray[Any]:
        return np.array(values, dtype=self._dtype)
