"""What every client sends, and how it shows what came back. Only numpy: each client has a process of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

FP32 = np.array([[1.5, -2.25], [3e38, 0.0], [1e-7, 4.0]], np.float32)
GIVEN: dict[str, Any] = {
    "fp32": FP32,
    "fp64": np.array([0.1, -1e300, 5e-324], np.float64),
    "int64": np.array([2**62, -(2**63), 0], np.int64),
    "bool": np.array([True, False, True]),
    "bytes": np.array(["việt nam".encode(), b"", b'{"a": [1]}'], np.object_),
}
MANY = {"fp32": np.arange(4_000, dtype=np.float32).reshape(-1, 2)}
TINY = {"features": np.array([[1.0, 2.0, 3.0]])}
AS_OF = {"as_of": "2026-03-01T10:00:00Z"}
DATATYPES = {"fp32": "FP32", "fp64": "FP64", "int64": "INT64", "bool": "BOOL", "bytes": "BYTES", "features": "FP64"}
COLUMNS = {"fp32": "a,b", "features": "a,b,c"}
"""The columns of a tensor of features, which our contract asks for."""

REFUSED: dict[str, dict[str, Any]] = {
    "unknown model": {"given": GIVEN, "model": "other"},
    "unknown version": {"given": GIVEN, "version": "9"},
    "unknown output": {"given": GIVEN, "outputs": ["beauty"]},
    "missing input": {"given": {"fp64": GIVEN["fp64"]}},
    "unknown input": {"given": GIVEN | {"extra": FP32}},
    "wrong datatype": {"given": GIVEN | {"fp64": FP32[:, 0]}, "datatypes": {"fp64": "FP32"}},
    "wrong shape": {"given": {"fp32": FP32.reshape(2, 3)}},
    "wrong rank": {"given": {"fp32": FP32.ravel()}},
    "rows differ": {"given": GIVEN | {"int64": np.arange(2)}},
}
ANSWERED: dict[str, dict[str, Any]] = {
    "all types": {"given": GIVEN},
    "two outputs": {"given": GIVEN, "outputs": ["int64", "bytes"]},
    "id": {"given": GIVEN, "outputs": ["bool"], "request_id": "q-1"},
    "parameters": {"given": GIVEN, "outputs": ["bool"], "parameters": AS_OF},
    "old version": {"given": TINY, "model": "tiny", "version": "1", "outputs": ["score"]},
    "an optional input": {"given": {"fp32": FP32}, "outputs": ["bytes"]},
}


def shown(data: Any) -> list[Any]:
    """Kind of dtype, shape and values; bytes as text, a large array as its sum."""
    if data.size > 100:
        return [data.dtype.kind, list(data.shape), float(data.sum(dtype=np.float64))]
    flat = [v.decode() if isinstance(v, bytes) else v for v in data.ravel().tolist()]
    return [data.dtype.kind, list(data.shape), flat]


NOT_UTF8 = {"given": GIVEN | {"bytes": np.array([b"\xff", b"", b""], np.object_)}}
"""Only the binary forms can say this."""
