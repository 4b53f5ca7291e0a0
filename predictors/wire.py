"""Bodies of the REST door <-> typed tensors. Strict: a wrong type is refused with its path, null in a float is NaN.

A body is JSON, or by the binary extension JSON and after it the raw bytes of those tensors that have the parameter
`binary_data_size` in place of `data`, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np

from predictors.raw import dtype_of, from_raw, shaped, to_raw
from predictors.tensors import (
    MAX_DIMENSIONS,
    NO_PARAMETERS,
    Array,
    InferRequest,
    InferResponse,
    Parameter,
    Parameters,
    Tensor,
)
from scoreops.core.errors import BadInput

_LARGE: Final = 65_536
"""Numbers in JSON take many times their bytes in memory: so many are counted before they are read."""
SWELLS: Final = 8
"""How many times its size JSON may take while it is read."""
SIZE: Final = "binary_data_size"
_ENCODER: Final = msgspec.json.Encoder()
_Parameter = str | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | bool | list[str]
"""What gRPC can carry and the log can hold; JSON itself knows no largest number."""
_ELEMENTS: Final[Mapping[str, Any]] = {"f": float | None, "i": int, "u": int, "b": bool, "O": str}


class _Input(msgspec.Struct, frozen=True, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, _Parameter] | None = None


class _Output(msgspec.Struct, frozen=True, gc=False):
    name: str
    parameters: dict[str, _Parameter] | None = None


class _Request(msgspec.Struct, frozen=True, gc=False):
    inputs: list[_Input]
    id: str | None = None
    parameters: dict[str, _Parameter] | None = None
    outputs: list[_Output] = []


class _ResponseTensor(msgspec.Struct, frozen=True, gc=False):
    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Mapping[str, Parameter] | msgspec.UnsetType = msgspec.UNSET
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


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


class Decoded(NamedTuple):
    """A request, and which outputs its answer shall hold as raw bytes: by name, all others by `binary`."""

    request: InferRequest
    binary: bool = False
    binary_by: Mapping[str, bool] = {}


def decode_request(body: bytes, json_size: int | None = None, most_rows: int = 2**31) -> Decoded:
    """The request in `body`, whose first `json_size` bytes are JSON; None: all. Raises BadInput with a path.

    No more than `most_rows` rows are read, and no more values than the shape says.
    """
    if json_size is not None and not 0 <= json_size <= len(body):
        raise BadInput(f"the JSON shall have {json_size} bytes, the body has {len(body)}")
    try:
        raw = _REQUEST.decode(body if json_size is None else memoryview(body)[:json_size])
    except msgspec.MsgspecError as error:
        raise _bad(error) from error
    except RecursionError as error:
        raise BadInput("JSON is nested too deep") from error
    except UnicodeDecodeError as error:
        raise BadInput("JSON must be UTF-8") from error
    blobs = _Blobs(memoryview(body)[len(body) if json_size is None else json_size :])
    for item in raw.inputs:  # before anything is reckoned with these numbers
        if len(item.shape) > MAX_DIMENSIONS:
            raise BadInput(f"has {len(item.shape)} dimensions, at most {MAX_DIMENSIONS} are taken", "inputs")
        if item.shape and item.shape[0] > most_rows:
            raise BadInput(f"has {item.shape[0]} rows, at most {most_rows} are taken in one request", "inputs")
    inputs = [_tensor(item, f"inputs[{index}]", blobs) for index, item in enumerate(raw.inputs)]
    blobs.end()
    parameters = raw.parameters or NO_PARAMETERS
    request = InferRequest(inputs, [item.name for item in raw.outputs], raw.id, parameters)
    by = {item.name: _flag(item.parameters, "binary_data") for item in raw.outputs if item.parameters}
    return Decoded(
        request,
        _flag(parameters, "binary_data_output") or False,
        {name: flag for name, flag in by.items() if flag is not None},
    )


def _flag(parameters: Parameters, name: str) -> bool | None:
    if "classification" in parameters:
        raise BadInput("classification is not done here; ask for the scores", "outputs")
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadInput("must be true or false", name)
    return value


class _Blobs:
    """The bytes after the JSON, taken in order."""

    def __init__(self, raw: memoryview) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: Parameter, where: str) -> memoryview:
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(self._raw) - self._at:
            left = len(self._raw) - self._at
            raise BadInput(f"{str(size)[:40]} is no number of bytes up to the {left} that are left", f"{where}.{SIZE}")
        self._at += size
        return self._raw[self._at - size : self._at]

    def end(self) -> None:
        if self._at != len(self._raw):
            raise BadInput(f"{len(self._raw) - self._at} bytes follow the last tensor")


def _tensor(item: _Input, where: str, blobs: _Blobs) -> Tensor:
    parameters: Parameters = item.parameters or NO_PARAMETERS
    if SIZE in parameters:
        if item.data:
            raise BadInput(f"has `data` and {SIZE}", where)
        data = from_raw(blobs.take(parameters[SIZE], where), item.datatype, item.shape, where)
        parameters = {name: value for name, value in parameters.items() if name != SIZE}
    else:
        data = _values(item, where)
    return Tensor(item.name, item.datatype, data, parameters)


def _values(item: _Input, where: str) -> Array:
    dtype = dtype_of(item.datatype, where)
    raw = bytes(item.data)
    if len(raw) > _LARGE and dtype.kind != "O" and raw.count(b",") + 1 != prod(item.shape):
        raise BadInput(f"data has {raw.count(b',') + 1} values, `shape` says {item.shape}", where)
    depth = _depth(raw)
    if not 1 <= depth <= MAX_DIMENSIONS:
        raise BadInput("must be an array" if not depth else "is nested too deep", f"{where}.data")
    try:
        nested = _data_decoder(dtype.kind, depth).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _bad(error, f"{where}.data") from error
    return _array(nested, depth, dtype, tuple(item.shape), where)


def _array(nested: list[Any], depth: int, dtype: np.dtype[np.generic], shape: tuple[int, ...], where: str) -> Array:
    try:
        flat = np.array(nested, dtype=dtype)
    except OverflowError as error:
        raise BadInput(f"a value is out of the range of {dtype.name}", f"{where}.data") from error
    except ValueError as error:
        raise BadInput("rows have different lengths", f"{where}.data") from error
    if flat.ndim != depth:  # of texts, whose lists an array of objects would take for elements
        raise BadInput("rows have different lengths", f"{where}.data")
    if flat.ndim > 1 and flat.shape != shape:
        raise BadInput(f"data has shape {list(flat.shape)}, `shape` says {list(shape)}", where)
    return shaped(flat, shape, where)


def _depth(raw: bytes) -> int:
    depth = 0
    for byte in raw:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
        if depth > MAX_DIMENSIONS:
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


def encode_response(response: InferResponse, decoded: Decoded) -> tuple[bytes, int | None]:
    """The body of an answer and, where raw bytes follow it, the size of its JSON. NaN is null in JSON."""
    blobs: list[bytes] = []
    outputs = []
    for name, datatype, data, _ in response.outputs:
        if decoded.binary_by.get(name, decoded.binary):
            blobs.append(to_raw(data))
            outputs.append(_ResponseTensor(name, datatype, data.shape, {SIZE: len(blobs[-1])}))
        else:
            outputs.append(_ResponseTensor(name, datatype, data.shape, data=data.ravel().tolist()))
    text = _ENCODER.encode(_Response(response.model, response.version, outputs, response.parameters, response.id))
    return (b"".join((text, *blobs)), len(text)) if blobs else (text, None)
