"""Plain models: bundles of flavour "onnx", which describe themselves and need no line in the catalog.

The graph of `model.onnx` takes the tensors of the manifest's `inputs` and gives those of its `outputs`; the first
dimension of each is the row. Names, datatypes and shapes are the contract, and the columns too where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import onnxruntime

from scoreops.catalog import SCORES, Score
from scoreops.core.bundle import Manifest, TensorSpec
from scoreops.core.errors import BadInput, Refused
from scoreops.core.spec import Schema

MODEL: Final = "model.onnx"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_DATATYPES: Final[Mapping[str, str]] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
"""Type of the engine -> datatype of the protocol."""


def scores(names: Sequence[str]) -> dict[str, Score | None]:
    """What a server of `names` is for: scores of the catalog, None for a plain model; no names mean the catalog.

    Raises BadInput for a name that cannot stand in a path.
    """
    return {check_name(name): SCORES.get(name) for name in names or SCORES}


def check_name(name: str) -> str:
    """`name`, if a model can be called so. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name[:80]!r} is no name for a model: letters, digits, '-' and '_', at most 63", "model")
    return name


def plain_score(manifest: Manifest) -> Score:
    """The bundle as a score that is not in the catalog. Raises Refused when its columns do not fit its first input."""
    columns = Schema(manifest.columns)
    if not manifest.inputs or not manifest.outputs:
        raise Refused("a bundle of flavour 'onnx' needs inputs and outputs")
    first = manifest.inputs[0]
    if len(columns) and (len(first.shape) != 2 or first.shape[1] not in (-1, len(columns))):
        raise Refused(f"{len(columns)} columns do not fit input {first.name} of shape {list(first.shape)}")
    load = partial(PlainModel.load, manifest)
    return Score(manifest.score, columns, manifest.inputs, manifest.outputs, load, rowwise=manifest.rowwise)


class PlainModel:
    """One ONNX graph on one thread, since a server scales by processes."""

    def __init__(self, data: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it has to say comes with its exceptions
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise Refused(f"{MODEL} cannot be read as an ONNX model: {_said(error)}") from error
        self.inputs = tuple(_spec("input", argument) for argument in self._session.get_inputs())
        self.outputs = tuple(_spec("output", argument) for argument in self._session.get_outputs())
        self._names = [spec.name for spec in self.outputs]

    @classmethod
    def load(cls, manifest: Manifest, files: Mapping[str, bytes]) -> PlainModel:
        """The model of a bundle. Raises Refused when its graph is not what the manifest says."""
        if MODEL not in files:
            raise Refused(f"a bundle of flavour 'onnx' needs a {MODEL}")
        model = cls(files[MODEL])
        _compare("inputs", manifest.inputs, model.inputs)
        _compare("outputs", manifest.outputs, model.outputs)
        return model

    def infer(self, tensors: Mapping[str, Any], _parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name. Raises BadInput with the engine's words when the graph cannot compute this."""
        try:
            made = self._session.run(self._names, {name: np.ascontiguousarray(tensors[name]) for name in tensors})
        except Exception as error:  # an engine whose golden request passed stumbles over what it was given
            raise BadInput(f"the model cannot compute this: {_said(error)}") from error
        return dict(zip(self._names, made, strict=True))


def _spec(kind: str, argument: Any) -> TensorSpec:
    datatype = _DATATYPES.get(argument.type)
    if datatype is None:
        hint = "; convert it with zipmap=False" if "map" in argument.type else ""
        raise Refused(f"{kind} {argument.name} is {argument.type}, which is no tensor of the protocol{hint}")
    shape = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in argument.shape)
    return TensorSpec(name=argument.name, datatype=datatype, shape=shape)


def _compare(what: str, said: Sequence[TensorSpec], found: Sequence[TensorSpec]) -> None:
    same = len(said) == len(found) and all(_fits(a, b) for a, b in zip(said, found, strict=True))
    if not same:
        raise Refused(f"the manifest's {what} are {_shown(said)}, those of {MODEL} are {_shown(found)}")
    for spec in said:
        if not spec.shape or spec.optional:
            raise Refused(f"{what[:-1]} {spec.name} needs rows as its first dimension, and may not be optional")


def _fits(said: TensorSpec, found: TensorSpec) -> bool:
    """Whether a tensor is what the graph has; a graph may leave sizes, and the whole shape, open."""
    if (said.name, said.datatype) != (found.name, found.datatype):
        return False
    if not found.shape:  # so the engine shows a scalar, and also what the graph says nothing about
        return True
    return len(said.shape) == len(found.shape) and all(
        -1 in (a, b) or a == b for a, b in zip(said.shape, found.shape, strict=True)
    )


def _shown(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec.datatype} {list(spec.shape)}" for spec in specs) or "none"


def _said(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
