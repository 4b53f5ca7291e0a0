"""Evaluation: the candidate on rows it never saw, and the champion on the very same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.adapters.gate_sources import EVALUATED_ROWS
from scoreops.catalog import Scorer
from scoreops.catalog import score as catalogued
from scoreops.core import metrics
from scoreops.core.bundle import unpack
from scoreops.core.errors import BadInput
from scoreops.core.verdict import Outcome, Verdict, judge
from scoreops.kol.success_features import TARGETS

Array = NDArray[np.float64]

MIN_AUC: Final = 0.85
MAX_ECE: Final = 0.10
MAX_SMAPE_RATIO: Final = 0.90
COVERAGE: Final = (0.70, 0.90)
NEED: Final = {"trust": 60, "success": 1_000}
MAY_LOSE: Final = 0.02
"""How much worse than the champion a candidate may be on the same rows: less than chance makes on so few."""


def check_contract(name: str, files: Mapping[str, bytes]) -> Verdict:
    """Whether the bundle is whole and reads the features in the order in which they are served."""
    try:
        manifest = unpack(files)
        catalogued(name).schema.check(manifest.columns)
    except BadInput as error:
        return Verdict("contract", Outcome.FAIL, 1, 1, None, None, str(error))
    return Verdict("contract", Outcome.PASS, 1, 1, None, None, f"schema {manifest.schema_hash}, every digest holds")


def evaluate(
    name: str, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None, rows: pd.DataFrame
) -> tuple[list[Verdict], dict[str, float]]:
    """Verdicts and metrics of a candidate on held-out `rows`; the contract comes first and ends it where it fails."""
    contract = check_contract(name, files)
    if contract.outcome is not Outcome.PASS:
        return [contract], {}
    measure = _trust if name == "trust" else _success
    found = measure(_scorer(name, files), rows, name)
    verdicts = [contract, *_absolute(name, found, len(rows))]
    if champion is not None and check_contract(name, champion).outcome is Outcome.PASS:
        before = measure(_scorer(name, champion), rows, name)
        verdicts.append(_against(name, found, before, len(rows)))
        found |= {f"champion_{key}": value for key, value in before.items()}
    return verdicts, found | {EVALUATED_ROWS: float(len(rows))}


def _scorer(name: str, files: Mapping[str, bytes]) -> Scorer:
    return catalogued(name).load(files)


def _features(rows: pd.DataFrame, name: str) -> Array:
    return rows[list(catalogued(name).schema.columns)].to_numpy(np.float64)


def _trust(scorer: Scorer, rows: pd.DataFrame, name: str) -> dict[str, float]:
    import json

    tensors: dict[str, Any] = {"features": _features(rows, name)}
    tensors["comments"] = [json.dumps(list(texts)) for texts in rows["comments"]]
    answer = scorer.infer(tensors, {"reasons": False})
    known = ~answer["abstained"]
    truth, score = rows["genuine"].to_numpy(np.float64)[known], answer["score"][known] / 100
    return {
        "auc": metrics.auc(truth, score),
        "auc_lower": metrics.auc_lower_bound(truth, score),
        "ece": metrics.ece(truth, score),
        "brier": metrics.brier(truth, score),
        "abstained": float(np.mean(~known)),
    }


def _success(scorer: Scorer, rows: pd.DataFrame, name: str) -> dict[str, float]:
    features = _features(rows, name)
    answer, truth = scorer.infer({"features": features}, {}), rows[list(TARGETS)].to_numpy(np.float64)
    made: dict[str, float] = {}
    columns = catalogued(name).schema.columns
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


def _absolute(name: str, found: Mapping[str, float], n: int) -> list[Verdict]:
    need = NEED[name]
    if name == "trust":
        return [
            judge("auc", found["auc"], MIN_AUC, n=n, need=need, at_least=True, what="AUC on unseen KOLs"),
            judge(
                "ece", found["ece"], MAX_ECE, n=n, need=need, at_least=False, what="calibration error on unseen KOLs"
            ),
        ]
    ratio = found["smape_clicks_24h"] / found["smape_naive_clicks_24h"]
    what = "sMAPE of clicks_24h against the seasonal naive"
    cover = found["coverage_revenue_24h"]
    return [
        judge("smape", ratio, MAX_SMAPE_RATIO, n=n, need=need, at_least=False, what=what),
        judge("coverage_low", cover, COVERAGE[0], n=n, need=need, at_least=True, what="coverage of revenue_24h"),
        judge("coverage_high", cover, COVERAGE[1], n=n, need=need, at_least=False, what="coverage of revenue_24h"),
    ]


def _against(name: str, found: Mapping[str, float], before: Mapping[str, float], n: int) -> Verdict:
    need = NEED[name]
    if name == "trust":
        limit = before["auc"] - MAY_LOSE
        return judge("champion", found["auc"], limit, n=n, need=need, at_least=True, what="AUC, champion's less 0.02")
    limit = before["wape_revenue_24h"] * (1 + MAY_LOSE)
    words = "WAPE of revenue_24h, champion's plus 2 %"
    return judge("champion", found["wape_revenue_24h"], limit, n=n, need=need, at_least=False, what=words)
