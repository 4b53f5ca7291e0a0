"""How trust is trained and judged: rows of past campaigns, AUC and calibration on KOLs that were never trained on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from scoreops.core import metrics
from scoreops.core.recipe import DRIFTED, PERMUTED, Fitted, Limit, Recipe, Rival, Scorer, TrainingSet, figure
from scoreops.kol.hours import hours_of
from scoreops.kol.trust_features import TRUST_FEATURES

if TYPE_CHECKING:
    import pandas as pd

    from scoreops.kol.trust_training import TrustRows

LABEL: Final = "genuine"
MAY_LOSE: Final = 0.02
"""How much worse than the champion a candidate may be on the same rows: less than chance makes on so few."""
COUNTED: Final = ("clicks", "orders", "revenue", "visits", "followers", "engagement", "reach", "like")


def trust_training_rows(rows: pd.DataFrame, columns: tuple[str, ...]) -> TrustRows:
    """Rows with `columns` in this order as the trainer wants them."""
    from scoreops.kol.trust_training import TrustRows

    return TrustRows(
        rows[list(columns)].to_numpy(np.float64),
        [list(texts) for texts in rows["comments"]],
        rows[LABEL].to_numpy(np.float64),
        rows["kol_id"].to_numpy(),
        hours_of(rows),
        list(rows["platform"]),
    )


def fit(given: TrainingSet) -> Fitted:
    """Train on every row."""
    from scoreops.kol.trust_training import train_trust

    trained = train_trust(trust_training_rows(given.rows, given.columns))
    return Fitted(trained.model.files(), given.rows, trained.importance)


def measure(scorer: Scorer, rows: pd.DataFrame) -> dict[str, float]:
    """Ranking and calibration on rows where the score did not abstain."""
    tensors: dict[str, Any] = {"features": rows[list(TRUST_FEATURES.columns)].to_numpy(np.float64)}
    tensors["comments"] = [json.dumps(list(texts)) for texts in rows["comments"]]
    answer = scorer.infer(tensors, {"reasons": False})
    known = ~answer["abstained"]
    truth, score = rows[LABEL].to_numpy(np.float64)[known], answer["score"][known] / 100
    return {
        "auc": metrics.auc(truth, score),
        "auc_lower": metrics.auc_lower_bound(truth, score),
        "ece": metrics.ece(truth, score),
        "brier": metrics.brier(truth, score),
        "abstained": float(np.mean(~known)),
    }


TRUST_RECIPE: Final = Recipe(
    key=("kol_id", "event_timestamp", LABEL),
    min_rows=80,
    need=60,
    fit=fit,
    measure=measure,
    limits=(
        Limit("auc", figure("auc"), 0.85, at_least=True, what="AUC on unseen KOLs"),
        Limit("ece", figure("ece"), 0.10, at_least=False, what="calibration error on unseen KOLs"),
    ),
    rival=Rival("auc", lambda before: before - MAY_LOSE, at_least=True, what="AUC, champion's less 0.02"),
    label=LABEL,
    may_repeat=True,
    rehearsals=(PERMUTED, DRIFTED),
    counted=COUNTED,
)
