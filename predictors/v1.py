"""KServe's first protocol, `:predict`, for old clients: `instances` in, `predictions` out.

An instance is a row of numbers, or an object of columns by name; rows say their columns as `columns` or `schema_hash`
beside `instances`, as the second protocol does with its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from predictors.dataplane import ModelMetadata
from predictors.tensors import DTYPES, InferRequest, InferResponse, Parameter, Tensor
from scoreops.core.errors import BadInput


class _Request(msgspec.Struct):
    instances: list[list[float | None] | dict[str, float | None]]
    columns: str | list[str] | None = None
    schema_hash: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Request)


def decode(body: bytes, model: ModelMetadata) -> InferRequest:
    """The request in `body` for the first input of `model`. Raises BadInput with the path of what does not fit."""
    try:
        raw = _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error
    if not raw.instances:
        raise BadInput("a request needs at least one", "instances")
    parameters: dict[str, Parameter] = {}
    if isinstance(raw.instances[0], dict):
        if not model.properties["columns"]:
            raise BadInput("the columns of this model have no names; send each instance as a list", "instances")
        names = list(raw.instances[0])
        rows: Sequence[Any] = [_ordered(row, names, index) for index, row in enumerate(raw.instances)]
        parameters["columns"] = names
        wanted = model.properties["columns"].split(",")
        if set(names) == set(wanted):  # an object has no order that could be wrong
            places = [names.index(name) for name in wanted]
            rows = [[row[place] for place in places] for row in rows]
            parameters["columns"] = wanted
    else:
        rows = raw.instances
        if raw.columns is not None:
            parameters["columns"] = raw.columns
        if raw.schema_hash is not None:
            parameters["schema_hash"] = raw.schema_hash
    first = model.inputs[0]
    try:
        given = np.array(rows, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise BadInput("rows have different lengths or forms", "instances") from error
    with np.errstate(invalid="ignore", over="ignore"):
        data = given.astype(DTYPES[first.datatype])
    if data.dtype.kind != "f" and not np.array_equal(data, given):
        raise BadInput(f"a value is no {first.datatype}", "instances")
    return InferRequest([Tensor(first.name, first.datatype, data, parameters)])


def _ordered(row: Any, names: list[str], index: int) -> list[float | None]:
    if not isinstance(row, dict) or row.keys() != set(names):
        raise BadInput("has other columns than the first", f"instances[{index}]")
    return [row[name] for name in names]


def encode(response: InferResponse) -> bytes:
    """One prediction a row: the value of the only output, or an object of all outputs by name."""
    columns = {tensor.name: tensor.data.tolist() for tensor in response.outputs}
    if len(columns) == 1:
        (predictions,) = columns.values()
    else:
        predictions = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return msgspec.json.encode(
        {"predictions": predictions, "model_name": response.model, "model_version": response.version}
    )
