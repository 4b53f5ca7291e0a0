"""How late payment is trained and judged: invoices by the day of their payment, the last ones held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scoreops.core import metrics
from scoreops.core.recipe import Fitted, Limit, Recipe, Rival, Scorer, TrainingSet, figure, ratio
from scoreops.sme.late_features import LATE_FEATURES

if TYPE_CHECKING:
    import pandas as pd

LABEL: Final = "is_late"
HELD_SHARE: Final = 0.2
"""The last payments, on which a candidate is judged and never trained."""
WITHIN_DAYS: Final = 3
MAY_LOSE: Final = 0.02
CLOCK: Final = (
    "as_of_weekday",
    "due_weekday",
    "due_day",
    "due_to_month_end",
    "due_wait",
    "due_before_tet",
    "due_after_tet",
    "org_n_cleared",
    "n_cleared",
)
"""Columns that move as the calendar does, or that only grow."""


def fit(given: TrainingSet) -> Fitted:
    """Train on rows of paid invoices, at their issue and at a later moment."""
    from scoreops.sme.late_training import LateRows, train_late

    columns = (given.rows[name].to_numpy(np.int64) for name in ("known", "invoice", "as_of"))
    trained = train_late(LateRows(given.features(), given.rows["late"].to_numpy(np.float64), *columns))
    return Fitted(trained.model.files(), given.rows, trained.importance)


def measure(scorer: Scorer, rows: pd.DataFrame) -> dict[str, float]:
    """Errors in days beside those of the customer's own median, coverage of the interval, calibration of P(late).

    P(late) is judged where the due day was still to come: afterwards it is certain.
    """
    features = rows[list(LATE_FEATURES.columns)]
    answer = scorer.infer({"features": features.to_numpy(np.float64)}, {"reasons": False})
    late = rows["late"].to_numpy(np.float64)
    usual = features["median_late_10"].fillna(features["org_mean_late"]).fillna(0.0)
    naive = np.fmax(usual.to_numpy(np.float64), -features["days_to_due"].to_numpy(np.float64))
    error = np.abs(answer["days_late"] - late)
    before = features["days_to_due"].to_numpy(np.float64) >= 0
    truth, said = rows[LABEL].to_numpy(np.float64)[before], answer["p_late"][before]
    return {
        "mae": float(error.mean()),
        "mae_naive": float(np.abs(naive - late).mean()),
        "within_3_days": float((np.rint(error) <= WITHIN_DAYS).mean()),
        "coverage": metrics.coverage(late, answer["low"], answer["high"]),
        "auc": metrics.auc(truth, said),
        "ece": metrics.ece(truth, said),
        "brier": metrics.brier(truth, said),
    }


LATE_RECIPE: Final = Recipe(
    key=("invoice", "as_of"),
    min_rows=300,
    need=200,
    fit=fit,
    measure=measure,
    limits=(
        Limit("mae", ratio("mae", "mae_naive"), 1.0, at_least=False, what="MAE against the customer's median"),
        Limit("coverage_low", figure("coverage"), 0.70, at_least=True, what="coverage of the 80 % interval"),
        Limit("coverage_high", figure("coverage"), 0.92, at_least=False, what="coverage of the 80 % interval"),
        Limit("ece", figure("ece"), 0.12, at_least=False, what="calibration error of P(late)"),
    ),
    rival=Rival("mae", lambda before: before * (1 + MAY_LOSE), at_least=False, what="MAE, champion's plus 2 %"),
    label=LABEL,
    counted=("amount",),
)
