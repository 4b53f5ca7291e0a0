"""How the anomaly score is trained and judged: without labels, by the share of alerts and by planted oddities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scoreops.core import metrics
from scoreops.core.recipe import Fitted, Limit, Recipe, Rival, Scorer, TrainingSet, figure
from scoreops.sme.anomaly import QUANTILES
from scoreops.sme.anomaly_features import ANOMALY_FEATURES

if TYPE_CHECKING:
    import pandas as pd

HELD_DAYS: Final = 28
"""The last days, which only judge."""
NOMINAL: Final = 1 - QUANTILES[0]
"""The share of transactions that ought to be alerts of any severity."""
PLANTED: Final = ("amount_vs_org", "amount_vs_category", "amount_vs_counterparty")
TIMES: Final = 5.0
"""How far a planted amount lies above the median, as a multiple of what one in a hundred transactions exceeds."""
MAY_LOSE: Final = 0.02
MIN_TRUE: Final = 5
CLOCK: Final = ("history_days",)


def fit(given: TrainingSet) -> Fitted:
    """Train on every row, in the order of time."""
    from scoreops.sme.anomaly_training import train_anomaly

    rows = given.rows.sort_values("booked_at", kind="stable")
    trained = train_anomaly(rows[list(given.columns)].to_numpy(np.float64))
    return Fitted(trained.model.files(), given.rows, trained.importance)


def measure(scorer: Scorer, rows: pd.DataFrame) -> dict[str, float]:
    """Share of alerts, share of planted oddities that become alerts; precision where people have judged enough."""
    features = rows[list(ANOMALY_FEATURES.columns)].to_numpy(np.float64)
    answer = scorer.infer({"features": features}, {"reasons": False})
    known = ~answer["abstained"]
    alerts = answer["severity"] > 0
    share = float(alerts[known].mean()) if known.any() else float("nan")
    found = {
        "alerts": share,
        "alerts_off": abs(share - NOMINAL),
        "planted": _planted(scorer, features[known]),
        "abstained": float(np.mean(~known)),
    }
    judged = rows["label"].notna().to_numpy()
    true = rows["label"].fillna(False).to_numpy(np.bool_)
    if true[judged].sum() >= MIN_TRUE and not true[judged].all():
        found["auc_feedback"] = metrics.auc(true[judged].astype(np.float64), answer["score"][judged])
        found["precision_feedback"] = float(true[judged & alerts].mean()) if (judged & alerts).any() else 0.0
    return found


def _planted(scorer: Scorer, features: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The share of payments that become alerts once their amounts are TIMES as far out as the odd ones."""
    paid = features[features[:, ANOMALY_FEATURES.columns.index("outflow")] == 1].copy()
    if not len(paid):
        return float("nan")
    for name in PLANTED:
        at = ANOMALY_FEATURES.columns.index(name)
        values = paid[:, at][np.isfinite(paid[:, at])]
        if len(values):
            middle, far = np.quantile(values, (0.5, 0.99))
            paid[:, at] = middle + TIMES * max(far - middle, 1e-3)
    return float((scorer.infer({"features": paid}, {"reasons": False})["severity"] > 0).mean())


ANOMALY_RECIPE: Final = Recipe(
    key=("org_id", "transaction_id"),
    min_rows=300,
    need=200,
    fit=fit,
    measure=measure,
    limits=(
        Limit("alerts_low", figure("alerts"), NOMINAL / 6, at_least=True, what="share of alerts"),
        Limit("alerts_high", figure("alerts"), NOMINAL * 3, at_least=False, what="share of alerts"),
        Limit("planted", figure("planted"), 0.9, at_least=True, what="share of planted oddities that are found"),
    ),
    rival=Rival(
        "alerts_off",
        lambda before: before + MAY_LOSE,
        at_least=False,
        what="distance of the share of alerts from what it ought to be, champion's plus 0.02",
    ),
    counted=("amount", "flow"),
)
