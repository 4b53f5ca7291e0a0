"""The cash forecast: net cash and balance of the next 30 days with intervals, and the day on which cash runs out.

Members are the seasonal naive, exponential smoothing, a LightGBM model over all companies and, where its curve is
given, Prophet. Which of them answers was found by backtest, separately for young companies. Errors of forecasts of
later days give the intervals of a day and of the balance (split conformal), scaled by the company's own size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel
from scoreops.sme import calendar
from scoreops.sme.cash_features import AHEAD, CASH_FEATURES, HORIZON, ROW

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

METHODS: Final = ("naive", "ets", "lightgbm", "prophet")
CLASSES: Final = ("young", "grown", "young near Tet", "grown near Tet")
TET: Final = (-15, 10)
"""A window of which a day lies so near to Tet has errors of its own."""
TOLD: Final = ("payday", "month_end", "month_start", "tet", "day_off")
"""What LightGBM reads of the calendar. How far Tet is away is not among it: books hold one Tet or two, and trees take
the wages that happened to fall some days after the one for a habit of the other."""
YOUNG_DAYS: Final = 84
"""Days of history below which a company is young: its answer is the stated fallback."""
MIN_DAYS: Final = 14
"""Below that nothing is said."""
LEVELS: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
_AT: Final = {name: place for place, name in enumerate(ROW)}
TENSORS_IN: Final = (
    TensorSpec(name="features", datatype="FP64", shape=(-1, len(CASH_FEATURES))),
    TensorSpec(name="delta", datatype="FP64", shape=(-1, HORIZON), optional=True),
)
"""`delta` is what a scenario adds to the net cash of each day, in minor units."""
_DAILY: Final = ("net", "net_low", "net_high", "balance", "balance_low", "balance_high", "p_below_zero")
TENSORS_OUT: Final = (
    *(TensorSpec(name=name, datatype="FP64", shape=(-1, HORIZON)) for name in _DAILY),
    TensorSpec(name="p_runout", datatype="FP64", shape=(-1,)),
    TensorSpec(name="runout_day", datatype="FP64", shape=(-1,)),
    TensorSpec(name="method", datatype="INT64", shape=(-1,)),
    TensorSpec(name="fallback", datatype="BOOL", shape=(-1,)),
)


@dataclass(frozen=True)
class Cash:
    """(n, HORIZON) each, minor units: net cash of a day, the balance at its end, both within their 80 % intervals.

    An interval whose errors all lay on one side reaches as far as the forecast itself.

    `p_below_zero`: probability that the balance is below 0 at the end of the day. `p_runout` (n,) is the largest of
    them; `runout_day` (n,) is the first of the days 1..HORIZON on which it is at least a half, NaN where it never is.
    `method` indexes METHODS, -1 where the history is too short to say anything; `fallback`: the company is young.
    """

    net: Array
    net_low: Array
    net_high: Array
    balance: Array
    balance_low: Array
    balance_high: Array
    p_below_zero: Array
    p_runout: Array
    runout_day: Array
    method: Ints
    fallback: NDArray[np.bool_]


def ahead(features: Array, name: str) -> Array:
    """(n, HORIZON) columns of one of AHEAD."""
    start = len(ROW) + AHEAD.index(name) * HORIZON
    return features[:, start : start + HORIZON]


def unrolled(features: Array) -> Array:
    """(n * HORIZON, k) what LightGBM reads of each row and day ahead, in units of the company's own size."""
    n = len(features)
    scale = features[:, _AT["scale"]][:, None]
    step = np.broadcast_to(np.arange(1.0, HORIZON + 1), (n, HORIZON))
    days = _days(features)
    _, day, to_come = calendar.month_parts(days)
    columns = [step, calendar.weekday(days), day, to_come]
    told = calendar.regressors(days.ravel()).reshape(n, HORIZON, -1)
    columns += [told[:, :, calendar.REGRESSORS.index(name)] for name in TOLD]
    columns += [ahead(features, name) / scale for name in AHEAD if name != "prophet"]
    columns += [np.broadcast_to(features[:, [_AT[name]]] / scale, (n, HORIZON)) for name in ROW[1:4]]
    columns.append(np.broadcast_to(features[:, [_AT["history_days"]]], (n, HORIZON)))
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=2).reshape(n * HORIZON, -1)


def classes_of(features: Array) -> Ints:
    """(n,) index into CLASSES."""
    away = calendar.from_tet(_days(features))
    near = ((away >= TET[0]) & (away <= TET[1])).any(axis=1)
    return np.asarray(near * 2 + (features[:, _AT["history_days"]] >= YOUNG_DAYS)).astype(np.int64)


def _days(features: Array) -> Ints:
    """(n, HORIZON) the days ahead."""
    begin = features[:, _AT["as_of_day"]]
    days: Ints = np.where(np.isnan(begin), 0, begin).astype(np.int64)[:, None] + np.arange(HORIZON)
    return days


@dataclass(frozen=True)
class CashModel:
    """A trained forecast, as a bundle holds it."""

    booster: bytes
    """LightGBM as ONNX; empty where there is none, as in the floor."""
    ranking: Array
    """(classes, methods) mean absolute backtest error in units of the scale; NaN where a method was not tried."""
    day_errors: Array
    """(classes, methods, HORIZON, levels) quantiles of what came less the forecast of a day, in units of the scale."""
    sum_errors: Array
    """The same of the sums from the first day on."""

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: ONNX and JSON."""
        head = {
            "ranking": _plain(self.ranking),
            "day_errors": _plain(self.day_errors),
            "sum_errors": _plain(self.sum_errors),
        }
        made = {"head.json": json.dumps(head).encode()}
        return made | ({"lightgbm.onnx": self.booster} if self.booster else {})

    @staticmethod
    def load(files: Mapping[str, bytes]) -> CashScorer:
        """The scorer of a bundle's files."""
        head = {name: np.array(value, dtype=np.float64) for name, value in json.loads(files["head.json"]).items()}
        return CashScorer(CashModel(files.get("lightgbm.onnx", b""), **head))


def _plain(values: Array) -> Any:
    return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))


class CashScorer:
    """Forecasts rows; loads the ONNX session once."""

    def __init__(self, model: CashModel) -> None:
        self._booster = OnnxModel(model.booster, "predict") if model.booster else None
        self._model = model

    def members(self, features: Array) -> Array:
        """(n, methods, HORIZON) what each of METHODS forecasts, minor units; NaN where one says nothing."""
        made = np.full((len(features), HORIZON), np.nan)
        if self._booster is not None:
            made = self._booster(unrolled(features)).reshape(made.shape) * features[:, [_AT["scale"]]]
        return np.stack([ahead(features, "naive"), ahead(features, "ets"), made, ahead(features, "prophet")], axis=1)

    def wants_prophet(self, features: Array) -> NDArray[np.bool_]:
        """(n,) rows that Prophet would answer if its curve were given."""
        rank = np.where(np.isnan(self._model.ranking), np.inf, self._model.ranking)[classes_of(features)]
        place = METHODS.index("prophet")
        return np.asarray(rank[:, place] < np.delete(rank, place, axis=1).min(axis=1))

    def score(self, features: Array, delta: Array | None = None) -> Cash:
        """Forecasts of rows (n, d) in the order of CASH_FEATURES; NaN is missing. `delta` (n, HORIZON) is added."""
        if features.ndim != 2 or features.shape[1] != len(CASH_FEATURES):
            raise BadInput(f"has shape {features.shape}, not (n, {len(CASH_FEATURES)})", "features")
        members, group, rows = self.members(features), classes_of(features), np.arange(len(features))
        rank = np.where(np.isfinite(members).all(axis=2), self._model.ranking[group], np.nan)
        silent = np.isnan(rank).all(axis=1) | ~(features[:, _AT["history_days"]] >= MIN_DAYS)
        method = np.where(np.isnan(rank), np.inf, rank).argmin(axis=1)
        net = np.where(silent[:, None], np.nan, members[rows, method] + (0.0 if delta is None else delta))
        scale = features[:, _AT["scale"]][:, None, None]
        around = net[:, :, None] + self._model.day_errors[group, method] * scale
        start = features[:, _AT["balance"]][:, None]
        balance = start + np.cumsum(net, axis=1)
        ends = balance[:, :, None] + self._model.sum_errors[group, method] * scale
        below = below_zero(ends)
        likely = below >= 0.5
        return Cash(
            net=net,
            net_low=np.minimum(net, around[:, :, LOW]),
            net_high=np.maximum(net, around[:, :, HIGH]),
            balance=balance,
            balance_low=np.minimum(balance, ends[:, :, LOW]),
            balance_high=np.maximum(balance, ends[:, :, HIGH]),
            p_below_zero=below,
            p_runout=below.max(axis=1),
            runout_day=np.where(likely.any(axis=1), likely.argmax(axis=1) + 1.0, np.nan),
            method=np.where(silent, -1, method).astype(np.int64),
            fallback=group % 2 == 0,
        )

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Answer v2 tensors: `features` and, for a scenario, `delta`."""
        made = self.score(tensors["features"], tensors.get("delta"))
        return {spec.name: getattr(made, spec.name) for spec in TENSORS_OUT}


def below_zero(ends: Array) -> Array:
    """(n, HORIZON) share of the quantiles (n, HORIZON, levels) of a balance that is below 0, straight between them.

    What lies beyond the outer quantiles counts as 0 or 1: LEVELS reach from 5 to 95 %.
    """
    low, high = ends[..., :-1], ends[..., 1:]
    width = np.where(high > low, high - low, 1.0)
    inside = np.where(high > low, np.clip(-low / width, 0, 1), (low < 0).astype(np.float64))
    steps = np.diff(LEVELS)
    made = LEVELS[0] * (ends[..., 0] < 0) + (inside * steps).sum(axis=-1) + (1 - LEVELS[-1]) * (ends[..., -1] < 0)
    return np.where(np.isnan(ends).any(axis=-1), np.nan, np.clip(made, 0, 1))
