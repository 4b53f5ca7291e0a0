"""A tiny score with a real bundle: score = w . features with column "c" counting 10 where it is missing, as ONNX.

It goes through the catalog's own interface (`Score`) and the bundle's own `pack`; only the model is small.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from scoreops.catalog import Score
from scoreops.core.bundle import Golden, Manifest, TensorSpec, pack
from scoreops.core.spec import Schema

COLUMNS = ("a", "b", "c")
SCHEMA = Schema(COLUMNS)
JOINED = ",".join(COLUMNS)
INPUTS = (
    TensorSpec(name="features", datatype="FP64", shape=(-1, 3)),
    TensorSpec(name="notes", datatype="BYTES", shape=(-1,), optional=True),
)
OUTPUTS = (
    TensorSpec(name="score", datatype="FP64", shape=(-1,)),
    TensorSpec(name="known", datatype="BOOL", shape=(-1,)),
    TensorSpec(name="reasons", datatype="BYTES", shape=(-1,)),
)
IF_MISSING = 10.0


class TinyScorer:
    def __init__(self, onnx_model: bytes) -> None:
        self._session = onnxruntime.InferenceSession(onnx_model, providers=["CPUExecutionProvider"])

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        features = tensors["features"]
        known = ~np.isnan(features)
        (score,) = self._session.run(None, {"features": np.where(known, features, [0.0, 0.0, IF_MISSING])})
        notes = tensors.get("notes", [""] * len(features))
        reasons = [json.dumps([note]) for note in notes] if parameters.get("reasons") else ["[]"] * len(features)
        return {"score": score, "known": known.all(axis=1), "reasons": reasons}


def load(files: Mapping[str, bytes]) -> TinyScorer:
    return TinyScorer(files["model.onnx"])


def tiny_score(name: str = "tiny") -> Score:
    return Score(name, SCHEMA, INPUTS, OUTPUTS, load)


def onnx_model(weights: tuple[float, float, float]) -> bytes:
    features = helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, 3])
    score = helper.make_tensor_value_info("score", TensorProto.DOUBLE, [None])
    node = helper.make_node("MatMul", ["features", "weights"], ["score"])
    held = numpy_helper.from_array(np.array(weights), "weights")
    graph = helper.make_graph([node], "tiny", [features], [score], [held])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tiny_bundle(
    weights: tuple[float, float, float] = (1.0, 10.0, 100.0),
    *,
    name: str = "tiny",
    columns: tuple[str, ...] = COLUMNS,
    golden_shift: float = 0.0,
    extra: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Files of a bundle whose golden answers come from the scorer itself, `golden_shift` away from them."""
    model = onnx_model(weights)
    rows = [[1.0, 2.0, 3.0], [0.0, 0.0, None]]
    made = TinyScorer(model).infer({"features": np.array(rows, dtype=np.float64)}, {"reasons": True})
    golden = Golden(
        inputs={"features": rows},
        outputs={"score": (made["score"] + golden_shift).tolist(), "known": made["known"].tolist()},
    )
    manifest = Manifest(
        score=name,
        columns=columns,
        schema_hash=Schema(columns).hash,
        inputs=INPUTS,
        outputs=OUTPUTS,
        thresholds={},
        metrics={},
        training_data="0" * 64,
        trained_until="2026-01-01T00:00:00+00:00",
        reference={},
        importance={},
        golden=golden,
        files={},
    )
    return pack(manifest, {"model.onnx": model, **(extra or {})})
