"""How fusion weights are fitted: a rolling backtest over past moments, searched by Bayesian optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.calibration import fit_logistic
from scoreops.core.errors import Refused
from scoreops.kol.fusion import STEPS, FusionRevision, Inputs, weighted

Array = NDArray[np.float64]

TOP: Final = 20
MIN_MOMENTS: Final = 4
TRIALS: Final = 60


@dataclass(frozen=True)
class Moment:
    """What was known at a past moment, and what became of it: net revenue of the next 24 hours (n,), VND."""

    inputs: Inputs
    followers: Array
    net_revenue: Array


def fit_revision(moments: Sequence[Moment], *, trials: int = TRIALS, seed: int = 7) -> FusionRevision:
    """The revision whose twenty best earned most, net of refunds, on the earlier moments; judged on the later ones.

    `backtest` of the result holds the share of the best possible twenty that the later moments gave, and the same for
    ranking by followers. Raises Refused below MIN_MOMENTS.
    """
    import optuna

    if len(moments) < MIN_MOMENTS:
        raise Refused(f"{len(moments)} past moments; {MIN_MOMENTS} are needed to fit fusion weights")
    cut = max(len(moments) * 2 // 3, 1)
    early, late = moments[:cut], moments[cut:]
    plain = _plain(early)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def trial_value(trial: optuna.Trial) -> float:
        names = ("revenue_weight", "trust_weight", "sentiment_weight", "anomaly_weight")
        weights = {name: trial.suggest_float(name, 0.0, 1.0) for name in names}
        return _share(early, [_score(moment, plain.model_copy(update=weights)) for moment in early])

    study.enqueue_trial({n: getattr(plain, n) for n in ("revenue_weight", "trust_weight", "sentiment_weight")} | {
        "anomaly_weight": plain.anomaly_weight
    })  # fmt: skip
    study.optimize(trial_value, n_trials=trials)
    fitted = plain.model_copy(update=study.best_params)
    backtest = {
        "moments": float(len(late)),
        "share_of_best": _share(late, [_score(moment, fitted) for moment in late]),
        "share_by_followers": _share(late, [moment.followers for moment in late]),
    }
    return fitted.model_copy(update={"backtest": backtest})


def _plain(moments: Sequence[Moment]) -> FusionRevision:
    """Equal weights, with the reference quantiles and the logistic relation of these moments."""
    revenue = np.concatenate([moment.inputs.revenue_1h for moment in moments])
    quantiles = np.maximum.accumulate(np.nanquantile(revenue, np.linspace(0, 1, STEPS)))
    start = FusionRevision(
        revenue_weight=0.6,
        trust_weight=0.3,
        sentiment_weight=0.05,
        anomaly_weight=0.1,
        logit_weights=(1.0, 1.0, 1.0),
        logit_bias=-1.5,
        revenue_quantiles=tuple(float(q) for q in quantiles),
    )
    rows, good = [], []
    for moment in moments:
        given = moment.inputs
        place = np.interp(given.revenue_1h, quantiles, np.linspace(0, 1, STEPS))
        rows.append(np.stack([place, given.trust / 100, (np.nan_to_num(given.sentiment) + 1) / 2], axis=1))
        good.append(moment.net_revenue >= np.quantile(moment.net_revenue, 0.8))
    x, y = np.concatenate(rows), np.concatenate(good).astype(np.float64)
    known = np.isfinite(x).all(axis=1)
    head = fit_logistic(x[known], y[known], nonnegative=True)
    w1, w2, w3 = head.weights
    return start.model_copy(update={"logit_weights": (w1, w2, w3), "logit_bias": head.bias})


def _score(moment: Moment, revision: FusionRevision) -> Array:
    return weighted(moment.inputs, revision)[0]


def _share(moments: Sequence[Moment], scores: Sequence[Array]) -> float:
    """Net revenue of the chosen twenty, as a share of that of the best twenty there were."""
    gained = best = 0.0
    for moment, score in zip(moments, scores, strict=True):
        known = np.where(np.isnan(score), -np.inf, score)
        chosen = np.argsort(-known, kind="stable")[:TOP]
        gained += float(moment.net_revenue[chosen].sum())
        best += float(np.sort(moment.net_revenue)[::-1][:TOP].sum())
    return gained / best if best > 0 else 0.0
