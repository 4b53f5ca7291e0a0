"""The success forecast: clicks, orders and revenue of the next hour and the next day, with intervals that hold 80 %.

Members: LightGBM on lags, Prophet on the hourly totals of the KOL's platform scaled by the KOL's share of them, the
same hours one week ago, and an LSTM where torch was there to train it. A ridge blend with weights >= 0, fitted on
out-of-fold forecasts, joins them; split-conformal bands give the intervals. On request, or where the lags are unknown,
the answer is the baseline: Prophet and the week before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.conformal import Band, Median
from scoreops.core.errors import BadInput
from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.success_curves import Curves, curve_of
from scoreops.kol.success_features import HORIZONS, METRICS, SUCCESS_FEATURES, TARGETS, WEEK
from scoreops.kol.success_lstm import sequences

Array = NDArray[np.float64]

INTERVAL: Final = 0.8
MEMBERS: Final = ("lightgbm", "prophet", "week_ago", "lstm")
"""In the order of the weights; a model that was trained without torch has the first three."""
BASELINE: Final = (1, 2)
"""Which of them make the baseline."""
PRIOR_ORDERS: Final = 3.0
"""A KOL's own orders weigh against so many usual ones."""
GRID_HOURS: Final = 21 * 24
"""How far past its data Prophet's curve is computed when a bundle is loaded; later hours repeat the last week."""
_place: Final = SUCCESS_FEATURES.columns.index
_LAG, _HOUR, _PLATFORM = (_place(name) for name in ("clicks_past_24h", "as_of_hour", "platform"))
_SOLD: Final = [_place(f"{metric}_past_{WEEK}h") for metric in ("orders", "revenue")]
_WEEK_AGO: Final = [_place(f"{metric}_week_ago_{horizon}h") for horizon in HORIZONS for metric in METRICS]
_SHARES: Final = [_place(f"{metric}_share") for _ in HORIZONS for metric in METRICS]
_ORDERS, _REVENUES = ([TARGETS.index(f"{metric}_{h}h") for h in HORIZONS] for metric in ("orders", "revenue"))
TENSORS_IN: Final = (TensorSpec(name="features", datatype="FP64", shape=(-1, len(SUCCESS_FEATURES))),)
TENSORS_OUT: Final = (
    *(
        TensorSpec(name=name, datatype="FP64", shape=(-1, len(TARGETS)))
        for name in ("forecast", "low", "high", "median")
    ),
    TensorSpec(name="degraded", datatype="BOOL", shape=(-1,)),
)


@dataclass(frozen=True)
class Forecast:
    """(n, 6) totals in the order of TARGETS with their intervals; `degraded` rows come from the baseline.

    `value` is the mean, what money is reckoned with; `median` is the better guess of a single hour or day.
    """

    value: Array
    low: Array
    high: Array
    median: Array
    degraded: NDArray[np.bool_]


@dataclass(frozen=True)
class SuccessModel:
    """A trained forecast, as a bundle holds it."""

    boosters: Mapping[str, bytes]
    prophets: Mapping[str, str]
    """Prophet's JSON by "platform index/metric"."""
    prophet_until: int
    """Hour after the last one Prophet was fitted on."""
    blends: Mapping[str, tuple[float, ...]]
    """Weight of each member by target."""
    baselines: Mapping[str, tuple[float, ...]]
    """The same with BASELINE alone."""
    bands: Mapping[str, Band]
    baseline_bands: Mapping[str, Band]
    medians: Mapping[str, Median]
    """Of clicks and orders; the middle revenue is that of the middle number of orders."""
    order_value: float
    """Revenue of an order in the rows trained on, VND."""
    lstm: bytes | None = None

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: ONNX and JSON."""

        def plain(bands: Mapping[str, Band]) -> dict[str, list[float]]:
            return {name: list(astuple(band)) for name, band in bands.items()}

        head = {
            "until": self.prophet_until,
            "blends": {name: list(weights) for name, weights in self.blends.items()},
            "baselines": {name: list(weights) for name, weights in self.baselines.items()},
            "bands": plain(self.bands),
            "baseline_bands": plain(self.baseline_bands),
            "order_value": self.order_value,
            "medians": {name: [median.knots, median.values] for name, median in self.medians.items()},
        }
        files = {f"{target}.onnx": data for target, data in self.boosters.items()}
        if self.lstm is not None:
            files["lstm.onnx"] = self.lstm
        return files | {
            "head.json": json.dumps(head).encode(),
            "prophet.json": json.dumps(dict(self.prophets)).encode(),
        }

    @staticmethod
    def load(files: Mapping[str, bytes]) -> SuccessScorer:
        """The scorer of a bundle's files; computes Prophet's curves, which takes about a second."""
        head = json.loads(files["head.json"])
        model = SuccessModel(
            boosters={target: files[f"{target}.onnx"] for target in TARGETS},
            prophets=json.loads(files["prophet.json"]),
            prophet_until=int(head["until"]),
            blends={name: tuple(weights) for name, weights in head["blends"].items()},
            baselines={name: tuple(weights) for name, weights in head["baselines"].items()},
            bands={name: Band(*values) for name, values in head["bands"].items()},
            baseline_bands={name: Band(*values) for name, values in head["baseline_bands"].items()},
            medians={name: Median(tuple(k), tuple(v)) for name, (k, v) in head["medians"].items()},
            order_value=float(head["order_value"]),
            lstm=files.get("lstm.onnx"),
        )
        return SuccessScorer(model)


class SuccessScorer:
    """Forecasts rows; loads the ONNX sessions and Prophet's curves once."""

    def __init__(self, model: SuccessModel) -> None:
        self._boosters = [OnnxModel(model.boosters[target], "predict", "forecast") for target in TARGETS]
        self._lstm = OnnxModel(model.lstm, "forecast") if model.lstm is not None else None
        until = model.prophet_until + GRID_HOURS
        self._curves = Curves({name: curve_of(text, until) for name, text in model.prophets.items()})
        self._blends, self._baselines = (
            np.array([weights[target] for target in TARGETS]).T for weights in (model.blends, model.baselines)
        )
        self._bands, self._baseline_bands = (
            np.moveaxis(np.array([[astuple(bands[target]) for target in TARGETS]]), 2, 0)
            for bands in (model.bands, model.baseline_bands)
        )
        self._medians = [(TARGETS.index(target), median) for target, median in model.medians.items()]
        self._order_value = model.order_value

    def score(self, features: Array, *, baseline: bool = False) -> Forecast:
        """Forecasts of rows (n, d) in the order of SUCCESS_FEATURES; NaN is missing. `baseline` asks BASELINE alone."""
        if features.ndim != 2 or features.shape[1] != len(SUCCESS_FEATURES):
            raise BadInput(f"has shape {features.shape}, not (n, {len(SUCCESS_FEATURES)})", "features")
        degraded = np.isnan(features[:, _LAG]) | baseline
        boosted = np.array([booster(features) for booster in self._boosters]).T
        recurrent = None if self._lstm is None else self._lstm.table(sequences(features))
        members = members_of(features, boosted, recurrent, self._curves)
        weights = np.where(degraded[:, None, None], self._baselines, self._blends)
        value = np.maximum((members * weights).sum(axis=1), 0)
        band = Band(*np.where(degraded[:, None], self._baseline_bands, self._bands))
        low, high = band(value)
        median = np.zeros(value.shape)
        for place, of in self._medians:
            median[:, place] = np.rint(of(value[:, place]))  # counts are whole
        median[:, _REVENUES] = median[:, _ORDERS] * order_value(features, self._order_value)[:, None]
        return Forecast(value, np.minimum(low, value), np.maximum(high, value), median, degraded)

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer v2 tensors: `features`; the parameter `baseline` asks for the baseline."""
        made = self.score(tensors["features"], baseline=bool(parameters.get("baseline", False)))
        return {
            "forecast": made.value,
            "low": made.low,
            "high": made.high,
            "median": made.median,
            "degraded": made.degraded,
        }


def order_value(features: Array, usual: float) -> Array:
    """(n,) VND an order of each KOL brings: the mean of their past week, drawn towards `usual` where orders are few."""
    sold = features[:, _SOLD]
    orders, revenue = np.where(np.isnan(sold), 0, sold).T
    return np.asarray((revenue + PRIOR_ORDERS * usual) / (orders + PRIOR_ORDERS))


def members_of(features: Array, boosted: Array, recurrent: Array | None, curves: Curves) -> Array:
    """(n, 3 or 4, 6): what each of MEMBERS forecasts; `boosted` and `recurrent` are log1p of TARGETS, (n, 6).

    What is unknown is 0.
    """
    known = np.where(np.isnan(features), 0, features)
    prophet = known[:, _SHARES] * curves.totals(features[:, _PLATFORM], known[:, _HOUR].astype(np.int64))
    parts = [np.expm1(boosted), prophet, known[:, _WEEK_AGO]]
    return np.stack(parts if recurrent is None else [*parts, np.expm1(recurrent)], axis=1)


def degrade(now: bool, recent: float, *, limit: float, recover: float) -> bool:  # noqa: FBT001
    """Whether to answer with the baseline: on above `limit`, off again below `recover`, unchanged between and for NaN.

    `recent` is the sMAPE of the last day's forecasts; `recover` < `limit` keeps the answer from flapping.
    """
    if recent > limit:
        return True
    return now and not recent < recover
