"""What every LightGBM model here is trained with, so that the same rows and seed give the same trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

REPEATABLE: Final[Mapping[str, Any]] = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # the same trees; where cores are shared, two that wait for each other take ten times as long
    "verbosity": -1,
}
"""Settings beside the seed and those of the task."""
