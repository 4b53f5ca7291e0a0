"""Where the rows of a score come from: one module of this package for each score that is trained, found by its name.

A module `SCORE.py` (with _ for -) holds `FRAME`. That is all there is to register.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.core.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Known:
    """What is known when training begins.

    Attributes:
        settings: where the stores are.
        folder: what the pipeline's first step has written.
        until: hour since the epoch; nothing that happened in it or later may be in a row.
        labels: a file of labels; "" for where they come from by themselves.
    """

    settings: Settings
    folder: Path
    until: int
    labels: str = ""


@dataclass(frozen=True)
class Frame:
    """The rows of one score.

    Attributes:
        rows: training rows: keys, label or targets, `held_out` (those that only judge), the columns of the schema.
        population: rows that stand for what the score meets now, with the columns of the schema: for the drift gate.
        leakage: verdicts on whether stored features hold what was not known at their time.
    """

    rows: Callable[[Known], pd.DataFrame]
    population: Callable[[Known], pd.DataFrame]
    leakage: Callable[[Known], list[Verdict]]


def moved(columns: Sequence[str], fresh: NDArray[np.float64], told: NDArray[np.float64]) -> list[str]:
    """The columns in which two tables of the same rows (n, d) differ; missing equals missing."""
    odd = np.logical_not(np.isclose(fresh, told, equal_nan=True).all(axis=0))
    return [columns[at] for at in np.flatnonzero(odd).tolist()]


def frame(score: str) -> Frame:
    """The frame of a score. Raises Unsupported with the names that there are."""
    module = score.replace("-", "_")
    names = sorted(part.name for part in pkgutil.iter_modules(__path__))
    if module not in names:
        raise Unsupported(f"{score!r} has no training rows: {module}.py is not one of {', '.join(names)}")
    made = import_module(f"{__name__}.{module}").FRAME
    assert isinstance(made, Frame)
    return made
