"""Whether answers are the golden ones: those that the exported model gave when its bundle was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import Golden


def golden_difference(golden: Golden, outputs: Mapping[str, NDArray[Any]]) -> str:
    """The first difference between `outputs`, by name, and the golden ones in a sentence, or ""."""
    for name, values in golden.outputs.items():
        if name not in outputs:
            return f"golden request: no output {name}"
        found = difference(name, outputs[name], np.array(values, dtype=outputs[name].dtype), golden.tolerance)
        if found:
            return f"golden request: {found}"
    return ""


def difference(name: str, got: NDArray[Any], expected: NDArray[Any], tolerance: float) -> str:
    """How two arrays differ in a sentence, or "". Numbers may differ by `tolerance`, relative or absolute."""
    if got.shape != expected.shape:
        return f"{name} has shape {list(got.shape)}, expected {list(expected.shape)}"
    if got.dtype.kind == "f":
        same = np.isclose(got, expected.astype(np.float64), rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        same = np.asarray(got == expected)
    if same.all():
        return ""
    place = tuple(int(i) for i in np.argwhere(~same)[0])
    return f"{name}{list(place)} is {str(got[place])[:200]}, expected {str(expected[place])[:200]} within {tolerance:g}"
