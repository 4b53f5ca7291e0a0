"""The training step: rows in, a bundle out. Only rows that are not held out are seen."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kfp_pipelines.bundling import bundle
from kfp_pipelines.rehearsal import permuted
from scoreops.adapters.bundles import write_folder
from scoreops.catalog import recipe_of
from scoreops.catalog import score as catalogued
from scoreops.core.recipe import PERMUTED, TrainingSet

BESIDE: Final = "*.npz"
EXTRAS: Final = ("torch",)
"""Optional packages that a fit may use."""


def fit(score: str, data: Path, outcomes: Path, until: int, fault: str, out: Path) -> dict[str, float]:
    """Train `score` on DATA/rows.parquet, with a rehearsed `fault` or none, and write its bundle to `out`."""
    rows = pd.read_parquet(data / "rows.parquet")
    people = pd.read_parquet(data / "population.parquet")
    seen = rows[~rows["held_out"]].reset_index(drop=True)
    columns = catalogued(score).schema.columns
    if fault == PERMUTED:
        columns = permuted(columns)
    extras = frozenset(name for name in EXTRAS if find_spec(name) is not None)
    made = recipe_of(score).fit(TrainingSet(seen, columns, _beside(outcomes), until, extras))
    files = bundle(score, made.files, made.rows, people, until=until, columns=columns, importance=made.importance)
    write_folder(files, out)
    return {"rows": float(len(seen)), "bytes": float(sum(map(len, files.values())))}


def _beside(folder: Path) -> dict[str, NDArray[Any]]:
    """Every array that the pipeline's first step has left beside the rows, by name."""
    found: dict[str, NDArray[Any]] = {}
    for file in sorted(folder.glob(BESIDE)):
        with np.load(file, allow_pickle=False) as held:
            found |= {name: held[name] for name in held.files}
    return found
