"""How a success forecast is trained: everything that is weighed or judged was forecast from earlier data only."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.boosting import REPEATABLE
from scoreops.core.conformal import Band, Median, fit_band, fit_median
from scoreops.core.errors import Refused
from scoreops.core.onnx_export import lightgbm_graph
from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.hours import HourCube
from scoreops.kol.success import BASELINE, INTERVAL, SuccessModel, members_of
from scoreops.kol.success_curves import Curves, curve_of
from scoreops.kol.success_features import METRICS, PLATFORMS, SUCCESS_FEATURES, TARGETS
from scoreops.kol.success_lstm import sequences, train_lstm

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MIN_ROWS: Final = 500
CUTS: Final = (0.55, 0.8)
"""Where, as shares of the hours, forward splits train before and forecast after; the last part sets the bands."""
TREES: Final = 120
HORIZON: Final = 24
_RIDGE: Final = 1e-3


@dataclass(frozen=True)
class SuccessRows:
    """n rows: features (n, d), targets (n, 6) known in full, and the hour of each."""

    features: Array
    targets: Array
    hours: Rows

    def take(self, rows: NDArray[Any]) -> SuccessRows:
        """Some of the rows."""
        return SuccessRows(self.features[rows], self.targets[rows], self.hours[rows])


@dataclass(frozen=True)
class Totals:
    """Hourly totals by platform and metric, what Prophet is fitted on: "platform index/metric" -> (n_hours,)."""

    start: int
    series: Mapping[str, Array]

    def until(self, hour: int) -> Totals:
        """The hours before `hour`."""
        return Totals(self.start, {name: values[: hour - self.start] for name, values in self.series.items()})


@dataclass(frozen=True)
class TrainedSuccess:
    """The model and how much each column mattered to it."""

    model: SuccessModel
    importance: dict[str, float]


def platform_totals(cube: HourCube) -> Totals:
    """The cube summed over the KOLs of each platform."""
    names = np.array(cube.platforms)
    series = {
        f"{PLATFORMS.index(name)}/{metric}": np.nan_to_num(cube[metric][names == name]).sum(axis=0)
        for name in np.unique(names)
        if name in PLATFORMS
        for metric in METRICS
    }
    return Totals(cube.start, series)


def train_success(rows: SuccessRows, totals: Totals, *, seed: int = 7, lstm: bool = False) -> TrainedSuccess:
    """Train on rows whose targets are all known; `lstm` adds that member and needs torch.

    Raises Refused when there are too few rows.
    """
    rows = rows.take(np.argsort(rows.hours, kind="stable"))
    if len(rows.hours) < MIN_ROWS:
        raise Refused(f"{len(rows.hours)} rows with known outcomes; {MIN_ROWS} are needed")
    parts, truth, held_out = _out_of_fold(rows, totals, seed, lstm=lstm)
    blends: dict[str, tuple[float, ...]] = {}
    baselines: dict[str, tuple[float, ...]] = {}
    bands: dict[str, Band] = {}
    baseline_bands: dict[str, Band] = {}
    medians: dict[str, Median] = {}
    for place, target in enumerate(TARGETS):
        x, y = parts[:, :, place], truth[:, place]
        every = tuple(range(x.shape[1]))
        for columns, weights, made in ((every, blends, bands), (BASELINE, baselines, baseline_bands)):
            early = _blend(x[~held_out], y[~held_out], columns)
            made[target] = fit_band(y[held_out], x[held_out] @ early, level=INTERVAL)
            weights[target] = tuple(float(w) for w in _blend(x, y, columns))
        if not target.startswith("revenue"):
            medians[target] = fit_median(y, x @ np.asarray(blends[target]))
    boosters, prophets = _side_by_side(rows, totals, seed)
    sample = rows.features[:: max(1, len(rows.features) // 2000)]
    stop = totals.start + len(next(iter(totals.series.values())))
    model = SuccessModel(
        boosters={target: lightgbm_graph(booster, sample) for target, booster in boosters.items()},
        prophets=prophets,
        prophet_until=stop,
        blends=blends,
        baselines=baselines,
        bands=bands,
        baseline_bands=baseline_bands,
        medians=medians,
        order_value=_order_value(rows),
        lstm=train_lstm(rows.features, rows.targets, seed=seed) if lstm else None,
    )
    return TrainedSuccess(model, _importance(boosters))


def _out_of_fold(rows: SuccessRows, totals: Totals, seed: int, *, lstm: bool) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Members (k, 3 or 4, 6), truths (k, 6) and which rows belong to the last part."""
    span = np.quantile(rows.hours, (*CUTS, 1.0)).astype(int)
    parts, truth, last = [], [], []
    for cut, stop in pairwise(span):
        known = rows.hours + HORIZON <= cut
        test = (rows.hours >= cut) & (rows.hours < stop + (stop == span[-1]))
        if known.sum() < MIN_ROWS // 2 or not test.any():
            continue
        before, features = rows.take(known), rows.features[test]
        boosters, prophets = _side_by_side(before, totals.until(cut), seed)
        boosted = np.stack([boosters[target].predict(features) for target in TARGETS], axis=1)
        recurrent = _recurrent(before, features, seed) if lstm else None
        curves = Curves({name: curve_of(text, int(stop) + HORIZON + 1) for name, text in prophets.items()})
        parts.append(members_of(features, boosted, recurrent, curves))
        truth.append(rows.targets[test])
        last.append(np.full(int(test.sum()), stop == span[-1]))
    if len(parts) < 2:
        raise Refused("the rows span too few hours to forecast some of them from earlier ones")
    return np.concatenate(parts), np.concatenate(truth), np.concatenate(last)


def _recurrent(rows: SuccessRows, features: Array, seed: int) -> Array:
    return OnnxModel(train_lstm(rows.features, rows.targets, seed=seed), "forecast").table(sequences(features))


def _blend(x: Array, y: Array, columns: tuple[int, ...]) -> Array:
    """Ridge weights >= 0 of the members, errors counted relative to the size of the forecasts, right in their sum."""
    from sklearn.linear_model import Ridge

    weight = 1 / (x.mean(axis=1) + 1)
    fitted = Ridge(alpha=_RIDGE, fit_intercept=False, positive=True).fit(x[:, list(columns)], y, sample_weight=weight)
    made = np.zeros(x.shape[1])
    made[list(columns)] = fitted.coef_
    scale = float(np.clip(y.sum() / max(float((x @ made).sum()), 1e-9), 0.5, 2.0))
    return np.asarray(made * scale)


def _side_by_side(rows: SuccessRows, totals: Totals, seed: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Boosters and prophets at once: LightGBM computes outside Python's lock, Prophet's optimiser in a process."""
    with ThreadPoolExecutor(1) as pool:
        prophets = pool.submit(fit_prophets, totals)
        return fit_boosters(rows, seed), prophets.result()


def fit_boosters(rows: SuccessRows, seed: int) -> dict[str, Any]:
    """LightGBM's boosters of log1p of each target."""
    import lightgbm

    settings = {
        "objective": "regression",
        "learning_rate": 0.06,
        "num_leaves": 31,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": seed,
        **REPEATABLE,
    }
    names = list(SUCCESS_FEATURES.columns)
    shared = lightgbm.Dataset(rows.features, feature_name=names, params={"verbosity": -1}, free_raw_data=False)
    shared.construct()
    made = {}
    for place, target in enumerate(TARGETS):
        shared.set_label(np.log1p(rows.targets[:, place]))
        made[target] = lightgbm.train(settings, shared, TREES)
    return made


def fit_prophets(totals: Totals) -> dict[str, str]:
    """Prophet's JSON for each series with something in it."""
    from prophet.serialize import model_to_json

    return {name: model_to_json(fit_prophet(totals.start, y)) for name, y in totals.series.items() if y.any()}


def fit_prophet(start: int, values: Array) -> Any:
    """Prophet's model of the hours from `start` on: a trend with daily and weekly rhythm."""
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    logging.getLogger("prophet").setLevel(logging.CRITICAL)  # where one optimiser gives up, the next one takes over
    hours = np.arange(start, start + len(values))
    weekly = len(values) >= 14 * 24
    return Prophet(
        growth="linear",
        n_changepoints=5,
        daily_seasonality=6,
        weekly_seasonality=3 if weekly else False,
        yearly_seasonality=False,
        uncertainty_samples=0,
    ).fit(pd.DataFrame({"ds": pd.to_datetime(hours * 3600, unit="s"), "y": values}))


def _order_value(rows: SuccessRows) -> float:
    orders, revenue = (rows.targets[:, TARGETS.index(f"{metric}_24h")].sum() for metric in ("orders", "revenue"))
    return float(revenue / max(orders, 1.0))


def _importance(boosters: Mapping[str, Any]) -> dict[str, float]:
    total = np.zeros(len(SUCCESS_FEATURES))
    for booster in boosters.values():
        gain = booster.feature_importance("gain")
        total += gain / max(gain.sum(), 1e-12)
    return dict(zip(SUCCESS_FEATURES.columns, total.tolist(), strict=True))
