"""What the trees alone take in each engine, on one thread: no server that asks them can be quicker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import xgboost as xgb

from bench.rivals import booster
from predictors.plain import MODEL, PlainModel

POOL: Final = 50
"""So many different questions: rows that come again soon look far cheaper than they are, as branches are foretold."""
TURNS: Final = 5


def microseconds(model_file: Path, bundle: Path, count: int) -> dict[str, float]:
    """CPU time for `count` rows at once in each engine: the best turn over all questions."""
    trained = xgb.Booster({"nthread": 1}, model_file=model_file)
    graph = PlainModel((bundle / MODEL).read_bytes())
    questions = [booster.rows(count, seed) for seed in range(POOL)]
    engines: dict[str, Callable[[Any], Any]] = {
        "XGBoost": trained.inplace_predict,
        "ONNX Runtime": lambda rows: graph.infer({"features": rows}, {}),
    }
    return {name: min(_turn(engine, questions) for _ in range(TURNS)) for name, engine in engines.items()}


def _turn(engine: Callable[[Any], Any], questions: list[booster.Rows]) -> float:
    started = time.process_time()
    for rows in questions:
        engine(rows)
    return (time.process_time() - started) / len(questions) * 1e6
