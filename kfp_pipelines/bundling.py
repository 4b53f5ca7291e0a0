"""A trained model as a bundle: manifest, golden request, reference sketches, digest of what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kfp_pipelines.drift import REFERENCE_FILE, reference_bytes
from scoreops.catalog import score as catalogued
from scoreops.core.bundle import Golden, Manifest, pack, sha256
from scoreops.core.drift import sketch
from scoreops.core.spec import Schema

GOLDEN_ROWS: Final = 6


def bundle(
    name: str,
    files: Mapping[str, bytes],
    rows: pd.DataFrame,
    population: pd.DataFrame,
    *,
    until: int,
    columns: tuple[str, ...] | None = None,
    importance: Mapping[str, float] | None = None,
) -> dict[str, bytes]:
    """All files of the bundle. `rows` were trained on, `population` is the reference for drift.

    `columns` is the order that the model was trained in, where it is not that of the score's schema.
    """
    score = catalogued(name)
    order = columns or score.schema.columns
    features = rows[list(order)].to_numpy(np.float64)
    kept = population[list(order)].to_numpy(np.float64)
    sample = features[:: max(1, len(features) // GOLDEN_ROWS)][:GOLDEN_ROWS]
    manifest = Manifest(
        score=name,
        columns=order,
        schema_hash=Schema(order).hash,
        inputs=score.inputs,
        outputs=score.outputs,
        thresholds={},
        metrics={},
        training_data=_digest(rows),
        trained_until=datetime.fromtimestamp(until * 3600, UTC).isoformat(),
        reference={column: sketch(kept[:, place]) for place, column in enumerate(order)},
        importance=dict(importance or {}),
        golden=_golden(score.load(files).infer({"features": sample}, {}), sample),
        files={},
    )
    return pack(manifest, {**files, REFERENCE_FILE: reference_bytes(kept)})


def _golden(answer: Mapping[str, Any], sample: NDArray[np.float64]) -> Golden:
    return Golden(
        inputs={"features": _plain(sample)}, outputs={name: _plain(values) for name, values in answer.items()}
    )


def _plain(values: Any) -> Any:
    """Nested lists as JSON has them: NaN is null."""
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return json.loads(json.dumps(listed, default=str).replace("NaN", "null"))


def _digest(rows: pd.DataFrame) -> str:
    hashed = pd.util.hash_pandas_object(rows[[name for name in rows if not _nested(rows[name])]], index=False)
    return sha256(hashed.to_numpy().tobytes())


def _nested(column: pd.Series[Any]) -> bool:
    """Whether a column holds lists, which pandas does not hash."""
    return bool(column.dtype == object and column.map(lambda value: isinstance(value, list | np.ndarray)).any())
