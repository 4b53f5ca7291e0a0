"""How the cash forecast is trained and judged: mornings whose next 30 days are known, the last ones held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scoreops.core import metrics
from scoreops.core.recipe import Fitted, Limit, Recipe, Rival, Scorer, TrainingSet, figure, ratio
from scoreops.sme.cash_features import CASH_FEATURES, HORIZON

if TYPE_CHECKING:
    import pandas as pd

CAME: Final = tuple(f"came_{step:02d}" for step in range(1, HORIZON + 1))
"""Columns of what came on each of the next days."""
NAIVE: Final = tuple(f"naive_{step:02d}" for step in range(1, HORIZON + 1))
HELD_SHARE: Final = 0.25
"""The last mornings, which only judge; between them and those that are learnt from lies a horizon."""
MAY_LOSE: Final = 0.02
CLOCK: Final = ("as_of_day", "history_days")


def fit(given: TrainingSet) -> Fitted:
    """Train on mornings whose next days were known before the first held one."""
    from scoreops.sme.cash_training import CashRows, train_cash

    rows = given.rows
    came = rows[list(CAME)].to_numpy(np.float64)
    trained = train_cash(
        CashRows(given.features(), came, rows["day"].to_numpy(np.int64), rows["company"].to_numpy(np.int64))
    )
    return Fitted(trained.model.files(), rows, trained.importance)


def measure(scorer: Scorer, rows: pd.DataFrame) -> dict[str, float]:
    """Errors by day in units of the company's size, beside those of the same weekday before; coverage of both bands."""
    features = rows[list(CASH_FEATURES.columns)].to_numpy(np.float64)
    answer = scorer.infer({"features": features}, {})
    said = np.asarray(answer["method"]) >= 0
    came, scale = rows[list(CAME)].to_numpy(np.float64)[said], rows["scale"].to_numpy(np.float64)[said, None]
    naive = rows[list(NAIVE)].to_numpy(np.float64)[said]
    told = {name: np.asarray(values)[said] for name, values in answer.items() if name.startswith(("net", "balance"))}
    balance = rows["balance"].to_numpy(np.float64)[said, None] + np.cumsum(came, axis=1)
    return {
        "mae": float((np.abs(told["net"] - came) / scale).mean()),
        "mae_naive": float(np.nanmean(np.abs(naive - came) / scale)),
        "coverage": metrics.coverage(came.ravel(), told["net_low"].ravel(), told["net_high"].ravel()),
        "coverage_balance": metrics.coverage(
            balance.ravel(), told["balance_low"].ravel(), told["balance_high"].ravel()
        ),
        "unsaid": float(np.mean(~said)),
    }


CASH_RECIPE: Final = Recipe(
    key=("day", "company", "history_days"),
    min_rows=60,
    need=40,
    fit=fit,
    measure=measure,
    limits=(
        Limit("mae", ratio("mae", "mae_naive"), 1.0, at_least=False, what="MAE against the same weekday before"),
        Limit("coverage_low", figure("coverage"), 0.70, at_least=True, what="coverage of a day's 80 % interval"),
        Limit("coverage_high", figure("coverage"), 0.92, at_least=False, what="coverage of a day's 80 % interval"),
    ),
    rival=Rival("mae", lambda before: before * (1 + MAY_LOSE), at_least=False, what="MAE, champion's plus 2 %"),
    may_repeat=True,
    counted=("scale", "mean_", "spread_", "naive", "ets", "month", "inflow"),
)
