"""The scores of the platform: one line each. Servers, pipelines and commands know a score only through this list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scoreops.core.bundle import Manifest, TensorSpec
from scoreops.core.errors import Unsupported
from scoreops.core.recipe import Recipe, Scorer
from scoreops.core.spec import Schema
from scoreops.kol import fusion_score, success, trust
from scoreops.kol.fusion_score import FUSION_FEATURES
from scoreops.kol.success_features import SUCCESS_FEATURES
from scoreops.kol.success_recipe import SUCCESS_RECIPE
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_recipe import TRUST_RECIPE
from scoreops.sme import anomaly, anomaly_recipe, cash, cash_recipe, late, late_recipe
from scoreops.sme.anomaly_features import ANOMALY_FEATURES
from scoreops.sme.anomaly_recipe import ANOMALY_RECIPE
from scoreops.sme.cash_features import CASH_FEATURES
from scoreops.sme.cash_recipe import CASH_RECIPE
from scoreops.sme.late_features import LATE_FEATURES
from scoreops.sme.late_recipe import LATE_RECIPE


@dataclass(frozen=True)
class Score:
    """What there is to know of a score without one of its bundles."""

    name: str
    schema: Schema
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    load: Callable[[Mapping[str, bytes]], Scorer]
    rowwise: bool = True
    """Whether the answer to a row never depends on the rows beside it."""
    probability: tuple[str, float] | None = None
    """The output that is a probability of label 1, and what it counts as certain; None for a score that is none."""
    recipe: Recipe | None = None
    """How the training pipeline makes and judges it; None for a score that is fitted otherwise."""
    clock: tuple[str, ...] = ()
    """Columns of its schema that move by themselves as time goes on, so that their drift says nothing."""


_ALL: Final = (
    Score(
        "trust",
        TRUST_FEATURES,
        trust.TENSORS_IN,
        trust.TENSORS_OUT,
        trust.TrustModel.load,
        probability=("score", 100.0),  # of being genuine
        recipe=TRUST_RECIPE,
    ),
    Score(
        "success",
        SUCCESS_FEATURES,
        success.TENSORS_IN,
        success.TENSORS_OUT,
        success.SuccessModel.load,
        recipe=SUCCESS_RECIPE,
    ),
    Score(
        "fusion",
        FUSION_FEATURES,
        fusion_score.TENSORS_IN,
        fusion_score.TENSORS_OUT,
        fusion_score.FusionScorer.load,
        rowwise=False,  # it ranks the rows of a request
    ),
    Score(
        "late-payment",
        LATE_FEATURES,
        late.TENSORS_IN,
        late.TENSORS_OUT,
        late.LateModel.load,
        probability=("p_late", 1.0),
        recipe=LATE_RECIPE,
        clock=late_recipe.CLOCK,
    ),
    Score(
        "sme-anomaly",
        ANOMALY_FEATURES,
        anomaly.TENSORS_IN,
        anomaly.TENSORS_OUT,
        anomaly.AnomalyModel.load,
        recipe=ANOMALY_RECIPE,
        clock=anomaly_recipe.CLOCK,
    ),
    Score(
        "cash-flow",
        CASH_FEATURES,
        cash.TENSORS_IN,
        cash.TENSORS_OUT,
        cash.CashModel.load,
        recipe=CASH_RECIPE,
        clock=cash_recipe.CLOCK,
    ),
)
SCORES: Final[Mapping[str, Score]] = {score.name: score for score in _ALL}


def score(name: str) -> Score:
    """The score called `name`. Raises Unsupported with the names that there are."""
    try:
        return SCORES[name]
    except KeyError:
        raise Unsupported(f"{name!r} is not one of the scores {', '.join(SCORES)}") from None


def recipe_of(name: str) -> Recipe:
    """The recipe of the score called `name`. Raises Unsupported with the names that have one."""
    found = score(name).recipe
    if found is None:
        known = ", ".join(each.name for each in SCORES.values() if each.recipe)
        raise Unsupported(f"{name!r} is not one of the scores that are trained by a recipe: {known}")
    return found


CLOCK: Final = ("as_of_hour", "hour_sin", "hour_cos", "weekday")
"""Columns of any score that move by themselves as time goes on."""


def judged_columns(manifest: Manifest) -> tuple[str, ...]:
    """Columns with a reference, whose drift says something: those that do not tell the time."""
    known = SCORES.get(manifest.score)
    moving = {*CLOCK, *(known.clock if known else ())}
    return tuple(name for name in manifest.columns if name not in moving and name in manifest.reference)
