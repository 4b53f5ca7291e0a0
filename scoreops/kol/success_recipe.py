"""How success is trained and judged: outcomes by KOL and hour, error and coverage in the last hours before `until`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scoreops.core import metrics
from scoreops.core.recipe import Fitted, Limit, Recipe, Rival, Scorer, TrainingSet, figure, ratio
from scoreops.kol.hours import hours_of
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS
from scoreops.kol.trust_recipe import COUNTED

if TYPE_CHECKING:
    import pandas as pd

HELD_HOURS: Final = 72
"""The last hours whose forecasts are judged; nothing of them is trained on."""
HORIZON: Final = 24
MAY_LOSE: Final = 0.02
"""By which share the champion's error may be exceeded on the same rows."""


def fit(given: TrainingSet) -> Fitted:
    """Train on rows whose outcome was complete before the held hours; `beside` has the platforms' hourly totals."""
    from scoreops.kol.success_training import SuccessRows, Totals, train_success

    beside, edge = dict(given.beside), given.until - HELD_HOURS
    totals = Totals(int(beside.pop("start")), beside)
    rows = given.rows[hours_of(given.rows) + HORIZON <= edge]
    made = SuccessRows(
        rows[list(given.columns)].to_numpy(np.float64), rows[list(TARGETS)].to_numpy(np.float64), hours_of(rows)
    )
    trained = train_success(made, totals.until(edge), lstm="torch" in given.extras)
    return Fitted(trained.model.files(), rows, trained.importance)


def measure(scorer: Scorer, rows: pd.DataFrame) -> dict[str, float]:
    """Error, coverage and bias of each target beside those of the same hour a week ago."""
    columns = SUCCESS_FEATURES.columns
    features = rows[list(columns)].to_numpy(np.float64)
    answer, truth = scorer.infer({"features": features}, {}), rows[list(TARGETS)].to_numpy(np.float64)
    made: dict[str, float] = {}
    for place, target in enumerate(TARGETS):
        metric, horizon = target.rsplit("_", 1)
        naive = features[:, columns.index(f"{metric}_week_ago_{horizon}")]
        known = np.isfinite(naive)
        y, f, n = truth[known, place], answer["forecast"][known, place], naive[known]
        middle = answer["median"][known, place]
        low, high = answer["low"][known, place], answer["high"][known, place]
        made |= {
            f"smape_{target}": metrics.smape(y, middle),
            f"smape_naive_{target}": metrics.smape(y, n),
            f"wape_{target}": metrics.wape(y, middle),
            f"wape_naive_{target}": metrics.wape(y, n),
            f"coverage_{target}": metrics.coverage(y, low, high),
            f"bias_{target}": float(f.sum() / max(y.sum(), 1e-9)),
        }
    return made


_COVERAGE: Final = figure("coverage_revenue_24h")
SUCCESS_RECIPE: Final = Recipe(
    key=("kol_id", "event_timestamp"),
    min_rows=500,
    need=1_000,
    fit=fit,
    measure=measure,
    limits=(
        Limit(
            "smape",
            ratio("smape_clicks_24h", "smape_naive_clicks_24h"),
            0.90,
            at_least=False,
            what="sMAPE of clicks_24h against the seasonal naive",
        ),
        Limit("coverage_low", _COVERAGE, 0.70, at_least=True, what="coverage of revenue_24h"),
        Limit("coverage_high", _COVERAGE, 0.90, at_least=False, what="coverage of revenue_24h"),
    ),
    rival=Rival(
        "wape_revenue_24h",
        lambda before: before * (1 + MAY_LOSE),
        at_least=False,
        what="WAPE of revenue_24h, champion's plus 2 %",
    ),
    counted=COUNTED,
)
