"""What every door has: the data plane behind it, who may enter, and what the server says of itself."""

from __future__ import annotations

from typing import Final

from predictors.dataplane import DataPlane
from predictors.guard import Guard
from predictors.metrics import Metrics
from predictors.tracing import Tracing

NAME: Final = "scoreops"
EXTENSIONS: Final = ("model_repository", "binary_tensor_data")
PLATFORM: Final = "scoreops_bundle"


class Door:
    """A way in. What comes through is translated, and decided by the data plane."""

    def __init__(self, plane: DataPlane, metrics: Metrics, version: str, guard: Guard, tracing: Tracing) -> None:
        self._plane = plane
        self._metrics = metrics
        self._version = version
        self._guard = guard
        self._tracing = tracing
