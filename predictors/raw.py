"""Raw tensor bytes <-> arrays: little-endian, row-major; a BYTES element is its length in four bytes and its UTF-8.

The binary extension of REST and the raw contents of gRPC are the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from struct import Struct
from typing import Final

import numpy as np

from predictors.tensors import DTYPES, MAX_DIMENSIONS, Array
from scoreops.core.errors import BadInput

_LENGTH: Final = Struct("<I")


def dtype_of(datatype: str, where: str) -> np.dtype[np.generic]:
    """The dtype of a datatype. Raises BadInput at `where` for a name that the protocol does not know."""
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise BadInput(f"{datatype[:40]!r} is not one of {', '.join(DTYPES)}", f"{where}.datatype")
    return dtype


def shaped(flat: Array, shape: Sequence[int], where: str) -> Array:
    """`flat` in `shape`. Raises BadInput at `where` when the number of values is another."""
    if len(shape) > MAX_DIMENSIONS:
        raise BadInput(f"has {len(shape)} dimensions, at most {MAX_DIMENSIONS} are taken", f"{where}.shape")
    if any(size < 0 for size in shape) or prod(shape) != flat.size:
        raise BadInput(f"data has {flat.size} values, `shape` says {list(shape)}", where)
    try:
        return flat.reshape(tuple(shape))
    except ValueError as error:  # no values, and sizes beside the zero that no array can have
        raise BadInput(f"no tensor has the shape {list(shape)}", where) from error


def from_raw(raw: bytes | memoryview, datatype: str, shape: Sequence[int], where: str) -> Array:
    """The tensor in `raw`. Raises BadInput at `where` when it is not one of `datatype` and `shape`."""
    dtype = dtype_of(datatype, where)
    if dtype.kind == "O":
        return shaped(_texts(memoryview(raw), where), shape, where)
    if len(raw) % dtype.itemsize:
        raise BadInput(f"{len(raw)} bytes are not whole values of {datatype}", where)
    flat = np.frombuffer(raw, dtype)
    if dtype.kind == "b" and (flat.view(np.uint8) > 1).any():
        raise BadInput("a BOOL is a byte 0 or 1", where)
    return shaped(flat, shape, where)


def _texts(raw: memoryview, where: str) -> Array:
    texts: list[str] = []
    at, end = 0, len(raw)
    while at < end:
        start = at + _LENGTH.size
        if start > end or (stop := start + _LENGTH.unpack_from(raw, at)[0]) > end:
            raise BadInput(f"element {len(texts)} ends after the data does", where)
        try:
            texts.append(str(raw[start:stop], "utf-8"))
        except UnicodeDecodeError as error:
            raise BadInput(f"element {len(texts)} is not UTF-8", where) from error
        at = stop
    flat = np.empty(len(texts), dtype=object)
    flat[:] = texts
    return flat


def to_raw(data: Array) -> bytes:
    """The bytes of an array of a dtype of the protocol."""
    if data.dtype.kind != "O":
        return data.tobytes()
    encoded = [str(text).encode() for text in data.ravel()]
    return b"".join(part for text in encoded for part in (_LENGTH.pack(len(text)), text))
