"""Tensors as the protocol knows them: a name, a datatype, values with a shape, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput

Array = npt.NDArray[np.generic]
Parameter = str | int | float | bool | list[str]
"""Value of a parameter. The protocol knows strings, numbers and booleans; a list of strings is ours, for `columns`."""
Parameters = Mapping[str, Parameter]

NO_PARAMETERS: Final[Parameters] = MappingProxyType({})

DTYPES: Final[Mapping[str, np.dtype[np.generic]]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""Datatype of the protocol -> dtype. BYTES are Python strings (UTF-8 on the wire) in an object array."""
MAX_DIMENSIONS: Final = 8


class Tensor(NamedTuple):
    """Values that came in or go out."""

    name: str
    datatype: str
    data: Array
    parameters: Parameters = NO_PARAMETERS


def check_tensor(spec: TensorSpec, tensor: Tensor) -> None:
    """Raises BadInput when datatype or shape of `tensor` is not that of `spec`."""
    if tensor.datatype != spec.datatype:
        raise BadInput(f"datatype is {tensor.datatype}, expected {spec.datatype}", tensor.name)
    shape, wanted = tensor.data.shape, spec.shape
    fits = len(shape) == len(wanted)
    for size, need in zip(shape, wanted, strict=False):
        fits = fits and need in (-1, size)
    if not fits:
        raise BadInput(f"shape is {list(shape)}, expected {list(wanted)} (-1: any number)", tensor.name)


class InferRequest(NamedTuple):
    """One question, whichever door it came through. No `outputs` means all of them; `trace` is its W3C traceparent.

    `copy` is "" for what somebody waits for; see `copies`.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[str] = ()
    id: str | None = None
    parameters: Parameters = NO_PARAMETERS
    trace: str = ""
    copy: str = ""


class InferResponse(NamedTuple):
    """The answer of exactly one version."""

    model: str
    version: str
    outputs: Sequence[Tensor]
    id: str | None
    parameters: Parameters
