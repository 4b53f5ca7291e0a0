"""For each score of the catalog: a bundle, a request of 1,000 rows, and what the libraries that trained it say of them.

The answers never touch ONNX or the scorers: they come from xgboost's booster, scikit-learn's forest, LightGBM's
boosters, Prophet, torch's LSTM, and the formulas that join them, written out. Whoever serves a bundle, through whatever
door, must give these answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from kfp_pipelines.bundling import bundle
from predictors.tensors import DTYPES, InferRequest, Tensor
from scoreops.catalog import SCORES
from scoreops.core.onnx_models import single
from scoreops.kol.fusion_score import FUSION_FEATURES, files_of, inputs_of
from scoreops.kol.fusion_training import Moment, fit_revision
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS, WEEK
from scoreops.kol.success_lstm import fit_lstm, sequences
from scoreops.kol.success_training import fit_boosters, fit_prophet, train_success
from scoreops.kol.text import embed_all, fit_text
from scoreops.kol.trust_features import TRUST_FEATURES, peer_groups
from scoreops.kol.trust_training import fit_members, train_trust, without_business
from tests import skew_cash, skew_sme
from tests.frozen import decisions
from tests.samples import BOTS, FANS, FIRST_HOUR, HOURS, success_rows, totals, trust_rows

ROWS = 1_000
SEED = 5
UNTIL = FIRST_HOUR + HOURS
Answer = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """The files of a bundle, the tensors of a request, and the outputs that it must have, by name."""

    files: Mapping[str, bytes]
    tensors: tuple[Tensor, ...]
    expected: Answer

    @property
    def request(self) -> InferRequest:
        """Asks for just the outputs that are expected."""
        return InferRequest(self.tensors, tuple(self.expected))


@cache
def cases() -> Mapping[str, Case]:
    """By name of the score; trained once in a process, in about half a minute."""
    return {name: make() for name, make in _MAKERS.items()}


def worst(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference, relative where values exceed 1; infinite where only one of them is missing."""
    got, want = np.asarray(got, dtype=np.float64), np.asarray(want, dtype=np.float64)
    missing = np.isnan(want)
    if got.shape != want.shape or (np.isnan(got) != missing).any():
        return float("inf")
    return float(np.max(np.abs(got - want)[~missing] / np.maximum(np.abs(want[~missing]), 1), initial=0))


def features_tensor(name: str, rows: np.ndarray, columns: tuple[str, ...] | None = None) -> Tensor:
    """The input `features`, said to be in the order of `columns` (default: that of the score)."""
    return Tensor("features", "FP64", rows, {"columns": ",".join(columns or SCORES[name].schema.columns)})


def _case(name: str, files: Mapping[str, bytes], trained: np.ndarray, asked: np.ndarray, expected: Answer) -> Case:
    frame = pd.DataFrame(trained, columns=list(SCORES[name].schema.columns))
    return Case(bundle(name, files, frame, frame, until=UNTIL), (features_tensor(name, asked),), expected)


def _trust() -> Case:
    rows, asked = trust_rows(200), trust_rows(ROWS, seed=9).features
    rng = np.random.default_rng(1)
    asked[::5][rng.random(asked[::5].shape) < 0.5] = np.nan  # some of these are too thin for a score
    comments = [(FANS, BOTS, BOTS[:5], FANS + BOTS)[i] for i in rng.integers(0, 4, ROWS)]
    platforms = [("tiktok", "youtube")[i] for i in rng.integers(0, 2, ROWS)]
    model = train_trust(rows, seed=SEED).model
    seen = without_business(rows)
    booster, forest, medians = fit_members(seen.features, seen.genuine, SEED)
    text, profiles = fit_text(embed_all(seen.comments), seen.genuine), embed_all(comments)
    said = np.clip(profiles @ np.array(text.weights) + text.bias, -8, 8)
    members = [
        booster.predict(xgboost.DMatrix(single(asked)), output_margin=True),
        10 * (0.5 + forest.score_samples(single(np.where(np.isnan(asked), medians, asked)))),
        np.where(profiles.any(axis=1), said, 0),
    ]
    joined = np.stack(members, axis=1).astype(np.float64)
    score = 100 / (1 + np.exp(-(joined @ model.stacker.weights + model.stacker.bias)))
    replicas = 100 / (1 + np.exp(-(joined @ model.replicas[:, :3].T + model.replicas[:, 3])))
    low, high = np.quantile(replicas, [0.1, 0.9], axis=1)
    groups = peer_groups(platforms, asked[:, TRUST_FEATURES.columns.index("log_followers")])
    peers = [model.peers.get(group, model.peers["*"]) for group in groups]
    places = [np.interp(value, known, np.arange(0, 101, 5)) for value, known in zip(score, peers, strict=True)]
    thin = np.isnan(asked).mean(axis=1) > 0.5
    numbers = {"score": score, "low": np.minimum(low, score), "high": np.maximum(high, score), "percentile": places}
    expected = {name: np.where(thin, np.nan, values) for name, values in numbers.items()} | {"abstained": thin}
    made = _case("trust", model.files(), rows.features, asked, expected)
    told = {"comments": [json.dumps(texts) for texts in comments], "platforms": platforms}
    extra = (Tensor(name, "BYTES", np.array(values, dtype=DTYPES["BYTES"])) for name, values in told.items())
    return Case(made.files, (*made.tensors, *extra), made.expected)


def _success() -> Case:
    rows, sums = success_rows(3_000), totals()
    asked = success_rows(ROWS, seed=9, first=UNTIL, stop=UNTIL + 14 * 24).features
    model = train_success(rows, sums, seed=SEED, lstm=True).model
    boosters = fit_boosters(rows, SEED)
    logs = {
        0: np.stack([boosters[target].predict(asked) for target in TARGETS], axis=1),
        3: fit_lstm(rows.features, rows.targets, seed=SEED)(sequences(asked)),
    }
    curves = {name: _curve(fit_prophet(FIRST_HOUR, values)) for name, values in sums.series.items()}
    blind = np.isnan(_column(asked, "clicks_past_24h"))
    made: dict[str, list[Any]] = {"forecast": [], "low": [], "high": [], "median": []}
    for place, target in enumerate(TARGETS):
        metric, horizon = target.removesuffix("h").split("_")
        members = [
            np.expm1(logs[0][:, place]),
            _prophet(asked, curves, metric, int(horizon)),
            np.nan_to_num(_column(asked, f"{metric}_week_ago_{horizon}h")),
            np.expm1(logs[3][:, place].astype(np.float64)),
        ]
        weights = np.where(blind[:, None], model.baselines[target], model.blends[target])
        value = np.maximum((np.stack(members, axis=1) * weights).sum(axis=1), 0)
        for name, band in (("low", model.bands[target]), ("high", model.bands[target])):
            plain = model.baseline_bands[target]
            shift = np.where(blind, getattr(plain, name), getattr(band, name)) * (value + band.offset) ** band.power
            made[name].append((np.minimum if name == "low" else np.maximum)(np.maximum(value + shift, 0), value))
        made["forecast"].append(value)
        made["median"].append(_median(model, made, asked, metric, value))
    expected = {name: np.stack(values, axis=1) for name, values in made.items()} | {"degraded": blind}
    return _case("success", model.files(), rows.features, asked, expected)


def _median(model: Any, made: Mapping[str, list[Any]], asked: np.ndarray, metric: str, value: np.ndarray) -> np.ndarray:
    if metric == "revenue":
        orders, revenue = (np.nan_to_num(_column(asked, f"{name}_past_168h")) for name in ("orders", "revenue"))
        return np.asarray(made["median"][-1] * (revenue + 3 * model.order_value) / (orders + 3))
    known = model.medians[TARGETS[len(made["median"])]]
    beyond = value * known.values[-1] / known.knots[-1]
    return np.rint(np.where(value > known.knots[-1], beyond, np.interp(value, known.knots, known.values)))


def _column(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[:, SUCCESS_FEATURES.columns.index(name)]


def _curve(prophet: Any) -> np.ndarray:
    """What Prophet expects of each hour from FIRST_HOUR to 21 days after its data."""
    hours = np.arange(FIRST_HOUR, UNTIL + 21 * 24)
    return np.maximum(prophet.predict(pd.DataFrame({"ds": pd.to_datetime(hours * 3600, unit="s")}))["yhat"], 0)


def _prophet(asked: np.ndarray, curves: Mapping[str, np.ndarray], metric: str, horizon: int) -> np.ndarray:
    """A KOL's share of what Prophet expects; an unknown hour is one long before, where the first week repeats."""
    made = np.zeros(len(asked))
    hours, shares = np.nan_to_num(_column(asked, "as_of_hour")).astype(int), _column(asked, f"{metric}_share")
    for row, (hour, platform) in enumerate(zip(hours, _column(asked, "platform"), strict=True)):
        curve = curves.get(f"{platform:.0f}/{metric}")
        if curve is not None and not np.isnan(shares[row]):
            places = np.arange(hour, hour + horizon) - FIRST_HOUR
            made[row] = shares[row] * sum(curve[p if p >= 0 else p % WEEK] for p in places)
    return made


def _fusion() -> Case:
    rng = np.random.default_rng(2)
    moments = [Moment(inputs_of(_branches(rng, 60)), rng.gamma(2, 1e4, 60), rng.gamma(2, 1e5, 60)) for _ in range(6)]
    revision = fit_revision(moments, trials=5, seed=SEED)
    asked = _branches(rng, ROWS)
    asked[rng.random(asked.shape) < 0.05] = np.nan
    return _case("fusion", files_of(revision), _branches(rng, 60), asked, decisions(asked, revision))


def _branches(rng: np.random.Generator, n: int) -> np.ndarray:
    """Rows as the branches give them: low below value below high, ages in minutes."""
    trust, hour, day = rng.uniform(0, 100, n), rng.gamma(2, 1e4, n), rng.gamma(2, 2e5, n)
    column = {
        "trust": trust,
        "trust_low": trust * 0.9,
        "trust_high": 100 - (100 - trust) * 0.9,
        "trust_age": rng.uniform(0, 200, n),
        "revenue_1h": hour,
        "revenue_24h": day,
        "revenue_24h_low": day * 0.5,
        "revenue_24h_high": day * 2,
        "success_age": rng.uniform(0, 200, n),
        "sentiment": rng.uniform(-1, 1, n),
        "anomaly": rng.uniform(0, 1, n),
    }
    return np.stack([column[name] for name in FUSION_FEATURES.columns], axis=1)


_MAKERS: Mapping[str, Callable[[], Case]] = {
    "trust": _trust,
    "success": _success,
    "fusion": _fusion,
    "late-payment": lambda: _case("late-payment", *skew_sme.late()),
    "cash-flow": lambda: _case("cash-flow", *skew_cash.cash()),
    "sme-anomaly": lambda: _case("sme-anomaly", *skew_sme.anomaly()),
}
