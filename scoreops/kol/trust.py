"""The trust score: the calibrated probability, times 100, that a KOL's audience and engagement are genuine.

Members: XGBoost on behaviour, IsolationForest on the same columns, and the text branch. A logistic stacker weighs their
out-of-fold predictions; folds go forward in time and a KOL is never on both sides. A bootstrap of the stacker gives the
interval. The score abstains where too little is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.calibration import Linear, logit, sigmoid
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel, single
from scoreops.kol.text import embed_all, text_logit
from scoreops.kol.trust_features import LOGGED, MEANING, TRUST_FEATURES, peer_groups

Array = NDArray[np.float64]

INTERVAL: Final = 0.8
MIN_KNOWN: Final = 0.5
"""Share of the columns that must be known for a score."""
MAX_REASONS: Final = 3
_MIN_REASON: Final = 0.05
"""Smallest contribution, in log-odds, that is worth a reason."""
_STEPS: Final = np.linspace(0, 100, 21)
"""Percentiles at which the scores of peers are known."""
_SIZE: Final = TRUST_FEATURES.columns.index("log_followers")
TENSORS_IN: Final = (
    TensorSpec(name="features", datatype="FP64", shape=(-1, len(TRUST_FEATURES))),
    TensorSpec(name="comments", datatype="BYTES", shape=(-1,), optional=True),
    TensorSpec(name="platforms", datatype="BYTES", shape=(-1,), optional=True),
)
"""`comments` are JSON lists of texts, one list a row."""
TENSORS_OUT: Final = (
    *(TensorSpec(name=name, datatype="FP64", shape=(-1,)) for name in ("score", "low", "high", "percentile")),
    TensorSpec(name="abstained", datatype="BOOL", shape=(-1,)),
    TensorSpec(name="reasons", datatype="BYTES", shape=(-1,)),
)


@dataclass(frozen=True)
class Trust:
    """Scores of n KOLs. `score`, `low` and `high` are 0-100 and NaN where `abstained`; percentiles are 0-100."""

    score: Array
    low: Array
    high: Array
    percentile: Array
    abstained: NDArray[np.bool_]
    reasons: list[list[str]]


@dataclass(frozen=True)
class TrustModel:
    """A trained score, as a bundle holds it."""

    xgboost: bytes
    forest: bytes
    text: Linear
    stacker: Linear
    replicas: Array
    """(B, 4) weights and bias of the stacker on bootstrap samples."""
    medians: Array
    """(d,) medians of the training rows: what a missing value is to the forest, and what a reason compares with."""
    peers: Mapping[str, Sequence[float]]
    """Score quantiles, 0 to 100 % in steps of 5, by peer group and for all under "*"."""

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: ONNX and JSON."""
        head = {
            "stacker": [*self.stacker.weights, self.stacker.bias],
            "replicas": self.replicas.tolist(),
            "medians": self.medians.tolist(),
            "peers": {group: list(values) for group, values in self.peers.items()},
        }
        text = {"weights": self.text.weights, "bias": self.text.bias}
        return {
            "xgboost.onnx": self.xgboost,
            "forest.onnx": self.forest,
            "head.json": json.dumps(head).encode(),
            "text.json": json.dumps(text).encode(),
        }

    @staticmethod
    def load(files: Mapping[str, bytes]) -> TrustScorer:
        """The scorer of a bundle's files."""
        head, text = json.loads(files["head.json"]), json.loads(files["text.json"])
        model = TrustModel(
            xgboost=files["xgboost.onnx"],
            forest=files["forest.onnx"],
            text=Linear(tuple(text["weights"]), float(text["bias"])),
            stacker=Linear(tuple(head["stacker"][:-1]), float(head["stacker"][-1])),
            replicas=np.array(head["replicas"]),
            medians=np.array(head["medians"]),
            peers=head["peers"],
        )
        return TrustScorer(model)


class TrustScorer:
    """Scores rows; what does not depend on them is worked out once."""

    def __init__(self, model: TrustModel) -> None:
        self._xgboost = OnnxModel(model.xgboost, "margin", "probabilities")
        self._forest = OnnxModel(model.forest, "score")
        self._text = model.text
        self._medians = model.medians
        self._usual = single(model.medians)
        self._peers = {group: np.asarray(scores) for group, scores in model.peers.items()}
        heads = np.concatenate([[[*model.stacker.weights, model.stacker.bias]], model.replicas])
        self._weights, self._bias = heads[:, :3].T, heads[:, 3]
        ends = np.array([1 - INTERVAL, 1 + INTERVAL]) / 2 * (len(model.replicas) - 1)
        self._below = np.floor(ends).astype(np.int64)
        self._above, self._beyond = np.ceil(ends).astype(np.int64), ends - self._below

    def score(
        self,
        features: Array,
        comments: Sequence[Sequence[str]] | None = None,
        platforms: Sequence[str] | None = None,
        *,
        reasons: bool = True,
    ) -> Trust:
        """Scores of rows (n, d) in the order of TRUST_FEATURES; NaN is missing. `comments[i]` are in order of time."""
        if features.ndim != 2 or features.shape[1] != len(TRUST_FEATURES):
            raise BadInput(f"has shape {features.shape}, not (n, {len(TRUST_FEATURES)})", "features")
        abstained = np.isfinite(features).sum(axis=1) < MIN_KNOWN * len(TRUST_FEATURES)
        rows = single(features)
        behaviour = self._behaviour(rows)
        behaviour[abstained] = np.nan
        ordinary = -FOREST_SCALE * (self._forest(np.where(np.isnan(rows), self._usual, rows)) - FOREST_CENTRE)
        text = np.zeros(len(rows)) if comments is None else text_logit(self._text, embed_all(comments))
        score, low, high = self._joined((behaviour, ordinary, text))
        why = self._reasons(features, behaviour, text, abstained) if reasons else [[] for _ in score]
        return Trust(score, low, high, self._percentiles(score, features, platforms), abstained, why)

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer v2 tensors: `features`, and where given `comments` and `platforms` (see TENSORS_IN)."""
        comments = [_texts(raw, row) for row, raw in enumerate(tensors["comments"])] if "comments" in tensors else None
        platforms = list(tensors["platforms"]) if "platforms" in tensors else None
        wanted = bool(parameters.get("reasons", True))
        made = self.score(tensors["features"], comments, platforms, reasons=wanted)
        answer = {name: getattr(made, name) for name in ("score", "low", "high", "percentile", "abstained")}
        told = [json.dumps(said, ensure_ascii=False) for said in made.reasons] if wanted else ["[]"] * len(made.score)
        return answer | {"reasons": told}

    def _behaviour(self, rows: NDArray[np.float32]) -> Array:
        """XGBoost's log-odds (n,); bundles of earlier releases hold a model of the probability."""
        made = self._xgboost(rows)
        return made if self._xgboost.output == "margin" else logit(made)

    def _joined(self, members: Sequence[Array]) -> tuple[Array, Array, Array]:
        """Score and interval, each (n,), of the members' log-odds of genuine, each (n,): XGBoost, forest, text.

        A row is summed by itself and in the order of the members: alone it gives the bits of a batch.
        """
        parts = [member[:, None] * weights for member, weights in zip(members, self._weights, strict=True)]
        made = 100 * sigmoid(parts[0] + parts[1] + parts[2] + self._bias)
        score, replicas = made[:, 0], np.sort(made[:, 1:], axis=1)
        below = replicas[:, self._below]
        ends = below + (replicas[:, self._above] - below) * self._beyond
        return score, np.minimum(ends[:, 0], score), np.maximum(ends[:, 1], score)

    def _percentiles(self, score: Array, features: Array, platforms: Sequence[str] | None) -> Array:
        everybody = self._peers["*"]
        if not platforms:
            return np.interp(score, everybody, _STEPS)
        rows_of: dict[str, list[int]] = {}
        for row, group in enumerate(peer_groups(platforms, features[:, _SIZE])):
            rows_of.setdefault(group, []).append(row)
        made = np.empty(len(score))
        for group, rows in rows_of.items():
            made[rows] = np.interp(score[rows], self._peers.get(group, everybody), _STEPS)
        return made

    def _reasons(self, features: Array, behaviour: Array, text: Array, abstained: NDArray[np.bool_]) -> list[list[str]]:
        """What the score would gain or lose if a column were as it usually is, largest first, in plain words."""
        rows, columns = np.nonzero(~np.isnan(features) & ~abstained[:, None])
        swapped = single(features)[rows]
        swapped[np.arange(len(rows)), columns] = self._usual[columns]
        effect = np.zeros((len(features), features.shape[1] + 1))
        effect[rows, columns] = self._weights[0, 0] * (behaviour[rows] - self._behaviour(swapped))
        effect[:, -1] = self._weights[2, 0] * text
        return [
            ["not enough data: " + _unknown(row)] if gone else _words(row, shift, self._medians)
            for row, shift, gone in zip(features, effect, abstained, strict=True)
        ]


FOREST_CENTRE: Final = 0.5
FOREST_SCALE: Final = 10.0
"""The forest's score lies mostly within 0.5 +- 0.1; this brings it to the scale of log-odds."""


def _texts(raw: str, row: int) -> list[str]:
    try:
        texts = json.loads(raw)
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            "".join(texts).encode()  # half a surrogate pair is no text
            return texts
    except (ValueError, RecursionError) as error:
        raise BadInput(f"row {row} is no JSON list of texts", "comments") from error
    raise BadInput(f"row {row} is no JSON list of texts", "comments")


def _unknown(row: Array) -> str:
    names = [MEANING[name] for name, value in zip(TRUST_FEATURES.columns, row, strict=True) if np.isnan(value)]
    return f"{len(names)} of {len(row)} inputs are unknown, among them {', '.join(names[:3])}"


def _words(row: Array, effect: Array, medians: Array) -> list[str]:
    """The largest of `effect` (d + 1,), by column and, last, by text, in words."""
    places = np.argsort(-np.abs(effect), kind="stable")[:MAX_REASONS]
    return [_reason(int(place), row, effect[place], medians) for place in places if abs(effect[place]) >= _MIN_REASON]


def _reason(place: int, row: Array, shift: float, medians: Array) -> str:
    sign = "+" if shift > 0 else "-"
    if place == len(row):
        return f"{sign} comments read like those under {'genuine' if shift > 0 else 'dishonest'} accounts"
    name, value, usual = TRUST_FEATURES.columns[place], row[place], medians[place]
    side, read = "above" if value > usual else "below", LOGGED.get(name, float)
    return f"{sign} {MEANING[name]} {side} the usual ({read(value):.3g}, usually {read(usual):.3g})"
