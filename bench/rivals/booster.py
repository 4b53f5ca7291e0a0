"""The one model that all servers answer for: a seeded XGBoost classifier of 29 features and 200 trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

COLUMNS: Final = tuple(f"f{number:02d}" for number in range(29))
TREES: Final = 200
DEPTH: Final = 6
_TRAINED_ON: Final = 2_000
_SEED: Final = 11

DATATYPE: Final = "FP32"
Rows = NDArray[np.float32]


def rows(count: int, seed: int = 1) -> Rows:
    """(count, 29) rows to ask for; short numbers, as measurements are."""
    return np.random.default_rng(seed).normal(size=(count, len(COLUMNS))).round(4).astype(np.float32)


def train() -> Any:
    """The booster: the same trees every time. It answers with probabilities in (0, 1)."""
    given = rows(_TRAINED_ON, _SEED)
    noise = np.random.default_rng(_SEED + 1).normal(size=_TRAINED_ON)
    wanted = (given[:, 0] + given[:, 1] * given[:, 2] - np.abs(given[:, 3]) + noise > 0).astype(np.float32)
    settings = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.1, "nthread": 1, "seed": _SEED}
    return xgb.train(settings, xgb.DMatrix(given, wanted), TREES)


def probabilities(booster: Any, given: Rows) -> NDArray[np.float32]:
    """(n,) what every server must answer for (n, 29) rows."""
    answer: NDArray[np.float32] = booster.predict(xgb.DMatrix(given))
    return answer


def save(booster: Any, folder: Path) -> Path:
    """Write the booster as `model.json`, a format that every server reads, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.json"
    booster.save_model(file)
    return file
