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
from scoreops.core.calibration import Linear, logit, sigmoid, weigh
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.text import embed_all, text_logit
from scoreops.kol.trust_features import LOGGED, MEANING, TRUST_FEATURES, peer_group

Array = NDArray[np.float64]

INTERVAL: Final = 0.8
MIN_KNOWN: Final = 0.5
"""Share of the columns that must be known for a score."""
MAX_REASONS: Final = 3
_MIN_REASON: Final = 0.05
"""Smallest contribution, in log-odds, that is worth a reason."""
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
        text = {"weights": [round(w, 6) for w in self.text.weights], "bias": self.text.bias}
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
    """Scores rows; loads the ONNX sessions once."""

    def __init__(self, model: TrustModel) -> None:
        self._model = model
        self._xgboost = OnnxModel(model.xgboost, "probabilities")
        self._forest = OnnxModel(model.forest, "score")
        # From here on the text model is as precise as its file, so that a reloaded bundle answers alike.
        self._text_weights = np.asarray(model.text.weights)
        self._replicas = model.replicas

    def members(self, features: Array, comments: Sequence[Sequence[str]] | None) -> Array:
        """(n, 3) log-odds of genuine by XGBoost, by the forest (scaled) and by text (0: unknown)."""
        filled = np.where(np.isnan(features), self._model.medians, features)
        made = np.zeros((len(features), 3))
        made[:, 0] = logit(self._xgboost(features))
        made[:, 1] = -FOREST_SCALE * (self._forest(filled) - FOREST_CENTRE)
        if comments is not None:
            made[:, 2] = text_logit(self._model.text, embed_all(comments))
        return made

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
        abstained = np.isfinite(features).mean(axis=1) < MIN_KNOWN
        members = self.members(features, comments)
        score = 100 * self._model.stacker(members)
        replicas = sigmoid(weigh(members[:, None, :], self._replicas[:, :3]) + self._replicas[:, 3])
        low, high = 100 * np.quantile(replicas, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)
        low, high = np.minimum(low, score), np.maximum(high, score)
        for values in (score, low, high):
            values[abstained] = np.nan
        why = self._reasons(features, members, abstained) if reasons else [[] for _ in score]
        return Trust(score, low, high, self._percentiles(score, features, platforms), abstained, why)

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer v2 tensors: `features`, and where given `comments` and `platforms` (see TENSORS_IN)."""
        comments = [_texts(raw, row) for row, raw in enumerate(tensors["comments"])] if "comments" in tensors else None
        platforms = list(tensors["platforms"]) if "platforms" in tensors else None
        wanted = bool(parameters.get("reasons", True))
        made = self.score(tensors["features"], comments, platforms, reasons=wanted)
        answer = {name: getattr(made, name) for name in ("score", "low", "high", "percentile", "abstained")}
        return answer | {"reasons": [json.dumps(reasons, ensure_ascii=False) for reasons in made.reasons]}

    def _percentiles(self, score: Array, features: Array, platforms: Sequence[str] | None) -> Array:
        sizes = features[:, TRUST_FEATURES.columns.index("log_followers")]
        steps = np.linspace(0, 100, 21)
        peers = self._model.peers
        made = np.full(len(score), np.nan)
        for row, value in enumerate(score):
            group = peer_group(platforms[row], sizes[row]) if platforms else "*"
            if not np.isnan(value):
                made[row] = np.interp(value, peers.get(group, peers["*"]), steps)
        return made

    def _reasons(self, features: Array, members: Array, abstained: NDArray[np.bool_]) -> list[list[str]]:
        """What the score would gain or lose if a column were as it usually is, largest first, in plain words."""
        n, d = features.shape
        swapped = np.repeat(features, d, axis=0)
        swapped[np.arange(n * d), np.tile(np.arange(d), n)] = np.tile(self._model.medians, n)
        weight = self._model.stacker.weights
        effect = weight[0] * (members[:, :1] - logit(self._xgboost(swapped)).reshape(n, d))
        text = weight[2] * members[:, 2]
        return [
            ["not enough data: " + _unknown(row)] if gone else _words(row, shift, self._model.medians, extra)
            for row, shift, extra, gone in zip(features, effect, text, abstained, strict=True)
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


def _words(row: Array, effect: Array, medians: Array, text: float) -> list[str]:
    said: list[tuple[float, str]] = []
    for name, value, usual, shift in zip(TRUST_FEATURES.columns, row, medians, effect, strict=True):
        if abs(shift) >= _MIN_REASON and not np.isnan(value):
            side = "above" if value > usual else "below"
            read = LOGGED.get(name, float)
            said.append(
                (float(shift), f"{MEANING[name]} {side} the usual ({read(value):.3g}, usually {read(usual):.3g})")
            )
    if abs(text) >= _MIN_REASON:
        kind = "genuine" if text > 0 else "dishonest"
        said.append((float(text), f"comments read like those under {kind} accounts"))
    said.sort(key=lambda item: -abs(item[0]))
    return [f"{'+' if shift > 0 else '-'} {words}" for shift, words in said[:MAX_REASONS]]
