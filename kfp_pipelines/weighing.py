"""Fusion weights: what the champions would have said at past moments, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo.training import training_rows
from kfp_pipelines.bundling import bundle
from kfp_pipelines.drift import champion_files
from kfp_pipelines.steps import Report, hour_of, step
from scoreops.adapters.bundles import write_folder
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.catalog import score as catalogued
from scoreops.core.errors import NotReady
from scoreops.core.verdict import Outcome, Verdict, judge
from scoreops.kol.fusion import FusionRevision, Inputs
from scoreops.kol.fusion_score import FUSION_FEATURES, features_of, files_of
from scoreops.kol.fusion_training import Moment, fit_revision
from scoreops.kol.hours import hours_of
from scoreops.kol.success_features import TARGETS
from scoreops.kol.success_recipe import HELD_HOURS
from scoreops.kol.trust_features import TRUST_FEATURES

MEMBERS: Final = ("trust", "success")
_PLACE: Final = {target: place for place, target in enumerate(TARGETS)}


@step("weigh")
def weigh(until: int, outcomes: Path, out: Path) -> Report:
    """Fit a fusion revision on the hours that the champions' success forecast never saw, and register it.

    While a member has no champion there is nothing to join: a verdict with version 0, not an error.
    """
    settings, until = Settings(), hour_of(until, outcomes)
    registry = Registry(settings.mlflow_url)
    missing = [name for name in MEMBERS if champion_files(registry, name) is None]
    if missing:
        words = f"{' and '.join(missing)} has no champion yet, and fusion joins champions"
        n, need = len(MEMBERS) - len(missing), len(MEMBERS)
        verdict = Verdict("members", Outcome.INSUFFICIENT, n, need, float(n), float(need), words)
        return {"version": 0, "verdicts": [verdict.as_dict()]}
    moments = past_moments(settings, registry, pd.read_parquet(outcomes / "outcomes.parquet"), until)
    revision = fit_revision(moments)
    rows = pd.DataFrame(np.concatenate([features_of(m.inputs) for m in moments]), columns=list(FUSION_FEATURES.columns))
    files = bundle("fusion", files_of(revision), rows, rows, until=until)
    write_folder(files, out / "bundle")
    verdict = _verdict(revision)
    version = registry.register(files, metrics=revision.backtest, verdicts=[verdict.as_dict()])
    if verdict.outcome == "Pass":
        registry.promote("fusion", version.number)
    return {"version": version.number, "verdicts": [verdict.as_dict()], "metrics": revision.backtest}


def _verdict(revision: FusionRevision) -> Verdict:
    found = revision.backtest
    what = "net revenue of the chosen twenty, as a share of the best twenty; by followers it is"
    value, limit = found["share_of_best"], found["share_by_followers"]
    return judge("backtest", value, limit, n=int(found["moments"]), need=2, at_least=True, what=what)


def past_moments(settings: Settings, registry: Registry, outcomes: pd.DataFrame, until: int) -> list[Moment]:
    """What was known at each moment of the last HELD_HOURS whose next day is known."""
    known = outcomes[hours_of(outcomes) >= until - HELD_HOURS].dropna(subset=["revenue_24h"]).reset_index(drop=True)
    trust, success = (_answers(settings, registry, name, known) for name in MEMBERS)
    made = []
    for hour in np.unique(hours_of(known)):
        at = np.flatnonzero(hours_of(known) == hour)
        inputs = _inputs({k: v[at] for k, v in trust.items()}, {k: v[at] for k, v in success.items()})
        net = known["net_revenue_24h"].to_numpy(np.float64)[at]
        made.append(Moment(inputs, known["followers"].to_numpy(np.float64)[at], net))
    return made


def _answers(settings: Settings, registry: Registry, name: str, asked: pd.DataFrame) -> dict[str, NDArray[Any]]:
    files = champion_files(registry, name)
    if files is None:
        raise NotReady(f"the champion of {name} was taken away meanwhile; train again")
    score = catalogued(name)
    rows = training_rows(asked[["kol_id", "event_timestamp"]], name, settings)
    features = rows[list(score.schema.columns)].to_numpy(np.float64)
    answer = score.load(files).infer({"features": features}, {"reasons": False})
    return {"features": features, **{key: np.asarray(value) for key, value in answer.items()}}


def _inputs(trust: Mapping[str, NDArray[Any]], success: Mapping[str, NDArray[Any]]) -> Inputs:
    columns = TRUST_FEATURES.columns
    features, n = trust["features"], len(trust["score"])
    shares = {side: features[:, columns.index(f"{side}_share")] for side in ("positive", "negative")}
    day = _PLACE["revenue_24h"]
    return Inputs(
        trust=trust["score"],
        trust_low=trust["low"],
        trust_high=trust["high"],
        trust_age=np.zeros(n),
        revenue_1h=success["forecast"][:, _PLACE["revenue_1h"]],
        revenue_24h=success["forecast"][:, day],
        revenue_24h_low=success["low"][:, day],
        revenue_24h_high=success["high"][:, day],
        success_age=np.zeros(n),
        sentiment=shares["positive"] - shares["negative"],
        anomaly=np.zeros(n),
    )
