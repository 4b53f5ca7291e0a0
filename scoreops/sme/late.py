"""The late-payment score: when an open invoice will be paid, with an interval that holds 80 %, and P(late).

LightGBM on what was known at the moment: medians and outer quantiles of the days late, and the probability of a
payment after the due day. Held-out errors widen the interval by how well the customer is known (conformalised quantile
regression, Romano et al. 2019) and calibrate the probability.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.calibration import Linear
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel
from scoreops.sme.late_features import LATE_FEATURES
from scoreops.sme.reasons import effects, in_words, known_words

Array = NDArray[np.float64]

INTERVAL: Final = 0.8
BOOSTERS: Final = ("median", "low", "high", "late")
KNOWN: Final = (1, 10, 100)
"""Cleared invoices of the customer from which the next group of intervals begins."""
GROUPS: Final = 2 * (len(KNOWN) + 1)
MEANING: Final[Mapping[str, str]] = {
    "median_late_10": "median days late of the customer's last 10 paid invoices",
    "median_late_30": "median days late of the customer's last 30 paid invoices",
    "mean_late": "mean days late of the customer",
    "last_late": "days late of the customer's last paid invoice",
    "high_late_10": "days late that one in ten of the customer's last paid invoices passed",
    "median_late_weekday": "median days late of the customer's invoices due on this weekday",
    "median_late_size": "median days late of the customer's invoices of this size",
    "mean_so_far_5": "mean days late so far of the customer's last 5 due invoices",
    "worst_so_far_20": "days that an open invoice of the customer is overdue",
    "overdue_ratio": "share of the customer's open amount that is overdue",
    "org_mean_late": "mean days late of all customers lately",
    "days_to_due": "days until the invoice is due",
    "term_days": "days between issue and due day",
    "due_before_tet": "nearness of the due day to the coming Tet",
    "due_after_tet": "nearness of the due day to the last Tet",
}
_place: Final = LATE_FEATURES.columns.index
_TO_DUE, _CLEARED = _place("days_to_due"), _place("n_cleared")
_TOLD, _WORDS = known_words(MEANING, LATE_FEATURES.columns)
_MIN_DAYS: Final = 0.25
"""Smallest effect on the days late that is worth a reason."""
TENSORS_IN: Final = (TensorSpec(name="features", datatype="FP64", shape=(-1, len(LATE_FEATURES))),)
TENSORS_OUT: Final = (
    *(TensorSpec(name=name, datatype="FP64", shape=(-1,)) for name in ("days_late", "low", "high", "p_late")),
    TensorSpec(name="unknown_customer", datatype="BOOL", shape=(-1,)),
    TensorSpec(name="reasons", datatype="BYTES", shape=(-1,)),
)


@dataclass(frozen=True)
class Late:
    """(n,) each: days from the due day to the payment (negative is early), its interval, P(paid after the due day).

    `unknown_customer`: no invoice of the customer was ever cleared, the numbers rest on others.
    """

    days_late: Array
    low: Array
    high: Array
    p_late: Array
    unknown_customer: NDArray[np.bool_]
    reasons: list[list[str]]


def groups_of(features: Array) -> NDArray[np.int64]:
    """(n,) in [0, GROUPS): how many cleared invoices of the customer are known, before and after the due day."""
    cleared = np.expm1(np.nan_to_num(features[:, _CLEARED]))
    after = features[:, _TO_DUE] < 0
    return np.asarray(np.searchsorted(KNOWN, cleared + 0.5) + after * (len(KNOWN) + 1))


@dataclass(frozen=True)
class LateModel:
    """A trained score, as a bundle holds it."""

    boosters: Mapping[str, bytes]
    widen: Array
    """(GROUPS, 2) days that the lower and the upper end move outwards, by group."""
    calibrator: Linear
    usual: Array
    """(d,) medians of the training rows: what a reason compares with."""

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: ONNX and JSON."""
        head = {
            "widen": self.widen.tolist(),
            "calibrator": [*self.calibrator.weights, self.calibrator.bias],
            "usual": [None if np.isnan(value) else value for value in self.usual.tolist()],
        }
        return {f"{name}.onnx": data for name, data in self.boosters.items()} | {"head.json": json.dumps(head).encode()}

    @staticmethod
    def load(files: Mapping[str, bytes]) -> LateScorer:
        """The scorer of a bundle's files."""
        head = json.loads(files["head.json"])
        weight, bias = head["calibrator"]
        return LateScorer(
            LateModel(
                boosters={name: files[f"{name}.onnx"] for name in BOOSTERS},
                widen=np.array(head["widen"]),
                calibrator=Linear((weight,), bias),
                usual=np.array(head["usual"], dtype=np.float64),
            )
        )


class LateScorer:
    """Scores rows; loads the ONNX sessions once."""

    def __init__(self, model: LateModel) -> None:
        self._median, self._low, self._high, self._late = (
            OnnxModel(model.boosters[name], "predict") for name in BOOSTERS
        )
        self._widen = model.widen
        self._calibrator = model.calibrator
        self._usual = model.usual

    def score(self, features: Array, *, reasons: bool = True) -> Late:
        """Scores of rows (n, d) in the order of LATE_FEATURES; NaN is missing."""
        if features.ndim != 2 or features.shape[1] != len(LATE_FEATURES):
            raise BadInput(f"has shape {features.shape}, not (n, {len(LATE_FEATURES)})", "features")
        middle = self._median(features)
        down, up = self._widen[groups_of(features)].T
        overdue = -features[:, _TO_DUE]  # whoever has not paid by now pays later than that
        whole = np.rint(middle)
        low = np.minimum(np.rint(np.minimum(self._low(features), middle) - down), whole)
        high = np.maximum(np.rint(np.maximum(self._high(features), middle) + up), whole)
        days, low, high = (np.fmax(end, overdue) for end in (middle, low, high))
        p_late = np.where(overdue > 0, 1.0, self._calibrator(self._late(features)[:, None]))
        cleared = features[:, _CLEARED]
        why = self._reasons(features) if reasons else [[] for _ in days]
        return Late(days, low, high, p_late, np.isnan(cleared) | (cleared <= 0), why)

    def _reasons(self, features: Array) -> list[list[str]]:
        shifts = effects(self._median, features, self._usual, _TOLD)
        return in_words(shifts, features[:, _TOLD], self._usual[_TOLD], _WORDS, _MIN_DAYS)

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer v2 tensors: `features`; the parameter `reasons` (default true) asks for reasons."""
        wanted = bool(parameters.get("reasons", True))
        made = self.score(tensors["features"], reasons=wanted)
        answer: dict[str, Any] = {
            name: getattr(made, name) for name in ("days_late", "low", "high", "p_late", "unknown_customer")
        }
        return answer | {"reasons": [json.dumps(said) for said in made.reasons]}
