"""One answer of each score within the process: 1 row and 100 rows, and trust against the libraries that trained it.

Features only, reasons off, every branch but text. The other side of trust calls xgboost's inplace_predict,
scikit-learn's score_samples and the stacker, and reckons neither an interval nor a percentile, which favours it; the
scores of both must be equal. 2,000 rows are asked in turn: a processor learns the way of a single one through the
trees. One thread each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.onnx_models import single
from scoreops.kol.fusion import FusionRevision
from scoreops.kol.fusion_score import FUSION_FEATURES, FusionScorer
from scoreops.kol.success import SuccessModel
from scoreops.kol.success_features import METRICS, PLATFORMS, SUCCESS_FEATURES, TARGETS
from scoreops.kol.success_training import SuccessRows, Totals, train_success
from scoreops.kol.trust import FOREST_CENTRE, FOREST_SCALE, TrustModel
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_training import TrustRows, fit_members, train_trust, without_business

Array = NDArray[np.float64]
Ask = Callable[[Array], Any]

TURNS: Final = 5
"""The figures are those of the turn with the lowest median."""
CALLS: Final = 2_000
SLOW_CALLS: Final = 200
_ASKED: Final = 2_000
_HOUR: Final = 490_000
_HOURS: Final = 21 * 24
_SEED: Final = 7


def main() -> Mapping[str, object]:
    """Microseconds of a call, median and p99, by score and rows, and the ratio of the libraries' median to ours."""
    load = os.getloadavg()[0]
    ours, theirs, asked = _trust()
    made: dict[str, object] = {"load_before": round(load, 2)}
    for rows in (1, 100):
        fast, slow = _times(ours, asked, rows, CALLS), _times(theirs, asked, rows, SLOW_CALLS)
        made |= _named("trust", rows, fast) | _named("libraries", rows, slow)
        made[f"ratio_{rows}"] = round(slow[0] / fast[0], 1)
    for name, (ask, rows_asked) in {"success": _success(), "fusion": _fusion()}.items():
        for rows in (1, 100):
            made |= _named(name, rows, _times(ask, rows_asked, rows, CALLS // 4))
    return made


def _named(name: str, rows: int, times: tuple[float, float]) -> dict[str, object]:
    return {f"{name}_{rows}_us_p{q}": round(value, 1) for q, value in zip((50, 99), times, strict=True)}


def _times(ask: Ask, asked: Array, rows: int, calls: int) -> tuple[float, float]:
    """Median and p99 of the best of TURNS."""
    parts = [asked[at : at + rows] for at in range(0, len(asked) - rows + 1, rows)]
    turns = []
    for _ in range(TURNS + 1):
        took = []
        for call in range(calls):
            part = parts[call % len(parts)]
            began = time.perf_counter()
            ask(part)
            took.append((time.perf_counter() - began) * 1e6)
        turns.append((float(np.median(took)), float(np.percentile(took, 99))))
    return min(turns[1:])


def _trust() -> tuple[Ask, Ask, Array]:
    """Our answer and the libraries' for a trained model of the usual size, and rows to ask."""
    draw = np.random.default_rng(1)
    n = 600
    features = draw.normal(size=(n + _ASKED, len(TRUST_FEATURES)))
    features[draw.random(features.shape) < 0.05] = np.nan
    kols = draw.integers(0, 150, n)
    genuine = (kols % 2).astype(np.float64)
    features[:n] += np.where(genuine, 0.3, -0.3)[:, None]
    rows = TrustRows(features[:n], [[]] * n, genuine, kols, draw.integers(0, 500, n), ["tiktok"] * n)
    model = train_trust(rows, seed=_SEED).model
    seen = without_business(rows)
    booster, forest, medians = fit_members(seen.features, seen.genuine, _SEED)
    scorer = TrustModel.load(model.files())

    def ours(asked: Array) -> Any:
        return scorer.infer({"features": asked}, {"reasons": False})

    def theirs(asked: Array) -> Any:
        members = np.zeros((len(asked), 3))
        members[:, 0] = booster.inplace_predict(single(asked), predict_type="margin", validate_features=False)
        strange = -forest.score_samples(single(np.where(np.isnan(asked), medians, asked)))
        members[:, 1] = -FOREST_SCALE * (strange - FOREST_CENTRE)
        return 100 * model.stacker(members)

    asked = features[n:]
    known = np.isfinite(asked).mean(axis=1) >= 0.5
    np.testing.assert_allclose(ours(asked)["score"][known], theirs(asked)[known], rtol=1e-9)
    return ours, theirs, asked


def _success() -> tuple[Ask, Array]:
    draw = np.random.default_rng(2)
    n = 5_000
    hours, rate = np.sort(draw.integers(_HOUR, _HOUR + _HOURS, n)), draw.gamma(1.5, 20.0, n)
    features = draw.gamma(1.5, 20.0, (n, len(SUCCESS_FEATURES)))
    column = {name: place for place, name in enumerate(SUCCESS_FEATURES.columns)}
    features[:, column["as_of_hour"]] = hours
    features[:, column["platform"]] = draw.integers(0, len(PLATFORMS), n)
    for metric in METRICS:
        features[:, column[f"{metric}_share"]] = 1 / n
        for horizon in (1, 24):
            for name in (f"{metric}_past_{horizon}h", f"{metric}_week_ago_{horizon}h"):
                features[:, column[name]] = draw.poisson(rate * horizon)
    targets = np.stack([draw.poisson(rate * (1 if name.endswith("_1h") else 24)) for name in TARGETS], axis=1)
    daily = 100 * (2 + np.sin(np.arange(_HOURS) * 2 * np.pi / 24))
    series = {f"{p}/{m}": draw.poisson(daily).astype(np.float64) for p in range(len(PLATFORMS)) for m in METRICS}
    rows = SuccessRows(features, targets.astype(np.float64), hours)
    scorer = SuccessModel.load(train_success(rows, Totals(_HOUR, series), lstm=True).model.files())
    return lambda asked: scorer.infer({"features": asked}, {}), draw.permutation(features)[:_ASKED]


def _fusion() -> tuple[Ask, Array]:
    revision = FusionRevision(
        revenue_weight=0.6,
        trust_weight=0.3,
        sentiment_weight=0.05,
        anomaly_weight=0.1,
        logit_weights=(1.0, 1.0, 1.0),
        logit_bias=-1.5,
        revenue_quantiles=tuple(np.linspace(0, 100, 21).tolist()),
    )
    scorer = FusionScorer(revision)
    rows = np.random.default_rng(3).uniform(0, 100, (_ASKED, len(FUSION_FEATURES)))
    return lambda asked: scorer.infer({"features": asked}, {}), rows
