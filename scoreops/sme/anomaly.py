"""The anomaly score of bank transactions: how strange, how severe, and why.

Each of 16 columns becomes its excess: how far it lies above its median, as a multiple of what one in a hundred
transactions exceeds. An IsolationForest looks at the excesses together, their squared sum at single large ones; the
score joins both. Money that leaves and money that comes in have their own medians, forests and thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel, single
from scoreops.sme.anomaly_features import ANOMALY_FEATURES, ODD

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

WAYS: Final = ("in", "out")
"""In the order of the column `outflow`."""
SEVERITIES: Final = ("none", "low", "medium", "high")
QUANTILES: Final = (0.94, 0.965, 0.985)
"""Shares of the training scores below which a transaction is less than low, medium, high."""
MIN_HISTORY_DAYS: Final = 21
CEILING: Final = 20.0
FOREST_WEIGHT: Final = 16.0
MEANING: Final[Mapping[str, str]] = {
    "amount_vs_org": "large for this company",
    "amount_vs_category": "large for its category",
    "amount_vs_counterparty": "large for this counterparty",
    "amount_z_counterparty": "far from what this counterparty usually gets",
    "newness": "the counterparty is new",
    "gap_vs_usual": "the counterparty was not heard of for unusually long",
    "dormancy": "the account has not moved money this way for long",
    "hour_rarity": "an unusual hour",
    "weekday_rarity": "an unusual weekday",
    "repeats_3d": "the same amount went to the same counterparty in the last 3 days",
    "similar_2d": "about the same amount went to the counterparty in the last 2 days",
    "account_velocity": "more transactions in a day than usual",
    "flow_vs_usual": "much money for this counterparty in 2 days",
    "below_round": "just below a round amount",
    "terminal_reversals": "many refunds at this terminal in a day",
    "terminal_risk": "earlier true alarms at this terminal",
}
_OUTFLOW, _HISTORY = (ANOMALY_FEATURES.columns.index(name) for name in ("outflow", "history_days"))
_WORDS: Final = [MEANING[name] for name in ANOMALY_FEATURES.columns[:ODD]]
_MAX_REASONS: Final = 3
_WORTH: Final = 0.7
"""Excess from which a column is worth a reason; 1 is what one in a hundred exceeds."""
TENSORS_IN: Final = (TensorSpec(name="features", datatype="FP64", shape=(-1, len(ANOMALY_FEATURES))),)
TENSORS_OUT: Final = (
    TensorSpec(name="score", datatype="FP64", shape=(-1,)),
    TensorSpec(name="percentile", datatype="FP64", shape=(-1,)),
    TensorSpec(name="severity", datatype="INT64", shape=(-1,)),
    TensorSpec(name="abstained", datatype="BOOL", shape=(-1,)),
    TensorSpec(name="reasons", datatype="BYTES", shape=(-1,)),
)
GRID: Final = tuple(np.concatenate([np.arange(0, 95, 5), np.arange(95, 99, 0.5), np.linspace(99, 100, 21)]).tolist())
"""Percentages at which the training scores' quantiles are kept."""


@dataclass(frozen=True)
class Side:
    """What there is to compare the transactions of one direction with; `forest` is ONNX."""

    forest: bytes
    median: Array
    scale: Array
    """(16,) from the median to what one in a hundred exceeds."""
    quantiles: tuple[float, ...]
    """Of the training scores at GRID."""
    thresholds: tuple[float, ...]
    """Scores from which on a transaction is low, medium, high."""


@dataclass(frozen=True)
class Strange:
    """(n,) each. `severity` indexes SEVERITIES; `abstained`: the company's history is too short to compare with."""

    score: Array
    percentile: Array
    severity: Ints
    abstained: NDArray[np.bool_]
    reasons: list[list[str]]


def excess(features: Array, median: Array, scale: Array) -> Array:
    """(n, 16) in [0, CEILING]: (x - median) / scale where that is positive; 0 for a missing value."""
    beyond = (features[:, :ODD] - median) / scale
    return np.fmin(np.fmax(beyond, 0.0), CEILING)


def joined(forest: Array, beyond: Array) -> Array:
    """(n,) scores of the forest's scores in (0, 1) and the excesses (n, 16)."""
    return np.asarray(FOREST_WEIGHT * np.log(forest) + np.log1p((beyond**2).sum(axis=1)))


def severity_of(score: Array, outflow: NDArray[Any], thresholds: Mapping[str, Sequence[float]]) -> Ints:
    """(n,) index into SEVERITIES by the thresholds of the direction; money that comes in is never more than low."""
    coming, leaving = (np.searchsorted(thresholds[way], score, side="right") for way in WAYS)
    return np.where(outflow == 0, np.minimum(coming, 1), leaving).astype(np.int64)


@dataclass(frozen=True)
class AnomalyModel:
    """A trained score, as a bundle holds it."""

    sides: Mapping[str, Side]

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: ONNX and JSON."""
        head = {
            way: {
                "median": side.median.tolist(),
                "scale": side.scale.tolist(),
                "quantiles": list(side.quantiles),
                "thresholds": list(side.thresholds),
            }
            for way, side in self.sides.items()
        }
        return {f"forest_{way}.onnx": side.forest for way, side in self.sides.items()} | {
            "head.json": json.dumps(head).encode()
        }

    @staticmethod
    def load(files: Mapping[str, bytes]) -> AnomalyScorer:
        """The scorer of a bundle's files."""
        head = json.loads(files["head.json"])
        return AnomalyScorer(
            AnomalyModel(
                {
                    way: Side(
                        files[f"forest_{way}.onnx"],
                        np.array(head[way]["median"]),
                        np.array(head[way]["scale"]),
                        tuple(head[way]["quantiles"]),
                        tuple(head[way]["thresholds"]),
                    )
                    for way in WAYS
                }
            )
        )


class AnomalyScorer:
    """Scores rows; loads the ONNX sessions once."""

    def __init__(self, model: AnomalyModel) -> None:
        self._sides = model.sides
        self._forests = {way: OnnxModel(side.forest, "score") for way, side in model.sides.items()}
        self.thresholds = {way: side.thresholds for way, side in model.sides.items()}

    def score(self, features: Array, *, reasons: bool = True) -> Strange:
        """Scores of rows (n, d) in the order of ANOMALY_FEATURES; NaN is missing."""
        if features.ndim != 2 or features.shape[1] != len(ANOMALY_FEATURES):
            raise BadInput(f"has shape {features.shape}, not (n, {len(ANOMALY_FEATURES)})", "features")
        n = len(features)
        score, percentile, beyond = np.empty(n), np.empty(n), np.empty((n, ODD))
        coming = features[:, _OUTFLOW] == 0
        for way, rows in (("in", coming), ("out", ~coming)):
            side = self._sides[way]
            beyond[rows] = excess(features[rows], side.median, side.scale)
            score[rows] = joined(self._forests[way](single(beyond[rows])), beyond[rows])
            percentile[rows] = np.interp(score[rows], side.quantiles, GRID)
        abstained = ~(features[:, _HISTORY] >= MIN_HISTORY_DAYS)
        severity = np.where(abstained, 0, severity_of(score, features[:, _OUTFLOW], self.thresholds))
        why = _reasons(beyond, abstained) if reasons else [[] for _ in score]
        return Strange(score, percentile, severity.astype(np.int64), abstained, why)

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer v2 tensors: `features`; the parameter `reasons` (default true) asks for reasons."""
        made = self.score(tensors["features"], reasons=bool(parameters.get("reasons", True)))
        answer: dict[str, Any] = {
            name: getattr(made, name) for name in ("score", "percentile", "severity", "abstained")
        }
        return answer | {"reasons": [json.dumps(said) for said in made.reasons]}


def _reasons(beyond: Array, abstained: NDArray[np.bool_]) -> list[list[str]]:
    """The largest excesses of each row in words."""
    order = np.argsort(-beyond, axis=1, kind="stable")[:, :_MAX_REASONS]
    thin = [f"not enough data: less than {MIN_HISTORY_DAYS} days of history"]
    return [
        thin if gone else [f"{_WORDS[at]} ({row[at]:.1f} x the usual limit)" for at in places if row[at] >= _WORTH]
        for places, row, gone in zip(order, beyond, abstained, strict=True)
    ]
