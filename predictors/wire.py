"""JSON of the protocol <-> typed tensors. Strict: a wrong type is refused with its path, null in a float is NaN."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Any, Final

import msgspec
import numpy as np

from predictors.tensors import DTYPES, NO_PARAMETERS, Array, InferRequest, InferResponse, Parameter, Tensor
from scoreops.core.errors import BadInput

MAX_DEPTH: Final = 8
_ENCODER: Final = msgspec.json.Encoder()
_ELEMENTS: Final[Mapping[str, Any]] = {"f": float | None, "i": int, "u": int, "b": bool, "O": str}


class _Input(msgspec.Struct, frozen=True, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, Parameter] | None = None


class _Output(msgspec.Struct, frozen=True, gc=False):
    name: str
    parameters: dict[str, Parameter] | None = None


class _Request(msgspec.Struct, frozen=True, gc=False):
    inputs: list[_Input]
    id: str | None = None
    parameters: dict[str, Parameter] | None = None
    outputs: list[_Output] = []


class _ResponseTensor(msgspec.Struct, frozen=True, gc=False):
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]


class _Response(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[_ResponseTensor]
    parameters: Mapping[str, Parameter]
    id: str | None = None


_REQUEST: Final = msgspec.json.Decoder(_Request)


def encode(value: object) -> bytes:
    """JSON of plain values and structs."""
    return _ENCODER.encode(value)


def decode_request(body: bytes) -> InferRequest:
    """The request in `body`. Raises BadInput with the path of what does not fit."""
    try:
        raw = _REQUEST.decode(body)
    except msgspec.MsgspecError as error:
        raise _bad(error) from error
    except RecursionError as error:
        raise BadInput("JSON is nested too deep") from error
    except UnicodeDecodeError as error:
        raise BadInput("JSON must be UTF-8") from error
    inputs = [
        Tensor(item.name, item.datatype, _values(item, index), item.parameters or NO_PARAMETERS)
        for index, item in enumerate(raw.inputs)
    ]
    return InferRequest(inputs, [item.name for item in raw.outputs], raw.id, raw.parameters or NO_PARAMETERS)


def _values(item: _Input, index: int) -> Array:
    where = f"inputs[{index}]"
    dtype = DTYPES.get(item.datatype)
    if dtype is None:
        raise BadInput(f"{item.datatype[:40]!r} is not one of {', '.join(DTYPES)}", f"{where}.datatype")
    raw = bytes(item.data)
    depth = _depth(raw)
    if not 1 <= depth <= MAX_DEPTH:
        raise BadInput("must be an array" if not depth else "is nested too deep", f"{where}.data")
    try:
        nested = _data_decoder(dtype.kind, depth).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _bad(error, f"{where}.data") from error
    return _array(nested, dtype, tuple(item.shape), where)


def _array(nested: list[Any], dtype: np.dtype[np.generic], shape: tuple[int, ...], where: str) -> Array:
    try:
        flat = np.array(nested, dtype=dtype)
    except OverflowError as error:
        raise BadInput(f"a value is out of the range of {dtype.name}", f"{where}.data") from error
    except ValueError as error:
        raise BadInput("rows have different lengths", f"{where}.data") from error
    if flat.ndim > 1 and flat.shape != shape:
        raise BadInput(f"data has shape {list(flat.shape)}, `shape` says {list(shape)}", where)
    if any(size < 0 for size in shape) or prod(shape) != flat.size:
        raise BadInput(f"data has {flat.size} values, `shape` says {list(shape)}", where)
    return flat.reshape(shape)


def _depth(raw: bytes) -> int:
    depth = 0
    for byte in raw:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
        if depth > MAX_DEPTH:
            break
    return depth


@lru_cache(maxsize=64)
def _data_decoder(kind: str, depth: int) -> msgspec.json.Decoder[list[Any]]:
    shape: Any = _ELEMENTS[kind]
    for _ in range(depth):
        shape = list[shape]
    return msgspec.json.Decoder(shape)


def _bad(error: Exception, where: str = "") -> BadInput:
    message, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").removeprefix(".")
    return BadInput(message, f"{where}{path}" if path.startswith("[") else where or path)


def encode_response(response: InferResponse) -> bytes:
    """JSON of an answer. NaN is null."""
    outputs = [
        _ResponseTensor(name, datatype, data.shape, data.ravel().tolist())
        for name, datatype, data, _ in response.outputs
    ]
    return _ENCODER.encode(_Response(response.model, response.version, outputs, response.parameters, response.id))
