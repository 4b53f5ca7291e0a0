"""A one-layer LSTM with a linear head as ONNX, equal to the library that trained it within 1e-6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.onnx_models import OnnxModel, checked

Weights = Mapping[str, NDArray[np.float32]]
_OPSET: Final = 21


def export_lstm(
    lstm: Weights,
    head: Weights,
    scaling: tuple[NDArray[np.float32], NDArray[np.float32]],
    rows: NDArray[np.float32],
    want: NDArray[np.float32],
) -> bytes:
    """ONNX of "sequence" (n, steps, k) float32 -> "forecast" (n, m), the head of the last hidden state.

    Args:
        lstm: weight_ih_l0 (4h, k), weight_hh_l0 (4h, h), bias_ih_l0 and bias_hh_l0 (4h,), gates in torch's order.
        head: weight (m, h) and bias (m,).
        scaling: mean and deviation (k,) by which the input is standardised.
        rows: sequences to check the export on.
        want: what the library says of them, (n, m).

    Raises:
        Refused: the export differs from `want` by more than 1e-6.
    """
    from onnx import TensorProto, helper, numpy_helper

    hidden = lstm["weight_hh_l0"].shape[1]
    mean, scale = scaling
    constants = {
        "mean": mean,
        "scale": scale,
        "w": _gates(lstm["weight_ih_l0"], hidden)[None],
        "r": _gates(lstm["weight_hh_l0"], hidden)[None],
        "b": np.concatenate([_gates(lstm["bias_ih_l0"], hidden), _gates(lstm["bias_hh_l0"], hidden)])[None],
        "first": np.array([0], dtype=np.int64),
        "head_w": head["weight"],
        "head_b": head["bias"],
    }
    nodes = [
        helper.make_node("Sub", ["sequence", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["steps"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["steps", "w", "r", "b"], ["", "state"], hidden_size=hidden),
        helper.make_node("Squeeze", ["state", "first"], ["last"]),
        helper.make_node("Gemm", ["last", "head_w", "head_b"], ["forecast"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "lstm",
        [helper.make_tensor_value_info("sequence", TensorProto.FLOAT, [None, *rows.shape[1:]])],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, [None, want.shape[1]])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
    data: bytes = model.SerializeToString()
    return checked(data, OnnxModel(data, "forecast").table(rows), want, "LSTM")


def _gates(values: NDArray[np.float32], hidden: int) -> NDArray[np.float32]:
    """Gates in the order input, output, forget, cell that ONNX wants, from torch's input, forget, cell, output."""
    i, f, c, o = (values[place * hidden : (place + 1) * hidden] for place in range(4))
    return np.concatenate([i, o, f, c])
