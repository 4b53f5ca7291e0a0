"""Messages of the gRPC door <-> typed tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from predictors.protocol import InferResponseMessage
from predictors.raw import dtype_of, from_raw, shaped, to_raw
from predictors.tensors import NO_PARAMETERS, Array, InferRequest, InferResponse, Parameter, Parameters, Tensor
from scoreops.core.errors import BadInput

_CONTENTS: Final[Mapping[str, str]] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Which field of InferTensorContents holds a datatype; what is not here travels raw."""


def decode(message: Any) -> InferRequest:
    """The request in a ModelInferRequest. Raises BadInput with the path of what does not fit."""
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise BadInput(f"{len(raw)} raw contents for {len(message.inputs)} inputs", "raw_input_contents")
    inputs = []
    for index, item in enumerate(message.inputs):
        where = f"inputs[{index}]"
        if raw and item.HasField("contents"):
            raise BadInput("has contents though raw contents are given", where)
        shape = list(item.shape)
        data = from_raw(raw[index], item.datatype, shape, where) if raw else _typed(item, shape, where)
        inputs.append(Tensor(item.name, item.datatype, data, _parameters(item.parameters)))
    outputs = [item.name for item in message.outputs]
    return InferRequest(inputs, outputs, message.id or None, _parameters(message.parameters))


def _parameters(given: Mapping[str, Any]) -> Parameters:
    if not given:
        return NO_PARAMETERS
    found: dict[str, Parameter] = {}
    for name, value in given.items():
        kind = value.WhichOneof("parameter_choice")
        if kind is None:
            raise BadInput("has no value", f"parameters.{name[:80]}")
        found[name] = getattr(value, kind)
    return found


def _typed(item: Any, shape: list[int], where: str) -> Array:
    dtype = dtype_of(item.datatype, where)
    field = _CONTENTS.get(item.datatype)
    if field is None:
        raise BadInput(f"{item.datatype} is sent as raw contents", where)
    filled = [other.name for other, _ in item.contents.ListFields()]
    if filled not in ([], [field]):
        raise BadInput(f"{item.datatype} stands in {field}, not in {', '.join(filled)}", f"{where}.contents")
    values = getattr(item.contents, field)
    try:
        flat = np.array([str(text, "utf-8") for text in values] if dtype.kind == "O" else list(values), dtype=dtype)
    except OverflowError as error:
        raise BadInput(f"a value is out of the range of {item.datatype}", f"{where}.contents") from error
    except UnicodeDecodeError as error:
        raise BadInput("a text is not UTF-8", f"{where}.contents") from error
    return shaped(flat, shape, where)


def encode(response: InferResponse, *, raw: bool) -> bytes:
    """A ModelInferResponse. Contents are raw where the request's were, or where a datatype knows no others."""
    message = InferResponseMessage(model_name=response.model, model_version=response.version, id=response.id or "")
    for name, note in response.parameters.items():
        _set(message.parameters[name], note)
    raw = raw or any(tensor.datatype not in _CONTENTS for tensor in response.outputs)
    for name, datatype, data, _ in response.outputs:
        item = message.outputs.add(name=name, datatype=datatype, shape=data.shape)
        if raw:
            message.raw_output_contents.append(to_raw(data))
        else:
            values = data.ravel().tolist()
            values = [text.encode() for text in values] if datatype == "BYTES" else values
            getattr(item.contents, _CONTENTS[datatype]).extend(values)
    encoded: bytes = message.SerializeToString()
    return encoded


def _set(parameter: Any, value: Parameter) -> None:
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        setattr(parameter, "int64_param" if value < 2**63 else "uint64_param", value)
    elif isinstance(value, float):
        parameter.double_param = value
    else:
        parameter.string_param = value if isinstance(value, str) else ",".join(value)
