"""How a trust score is trained from rows of past campaigns."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.calibration import Linear, fit_logistic, fit_platt
from scoreops.core.errors import Refused
from scoreops.core.onnx_models import export_isolation_forest, export_xgboost, single
from scoreops.kol.text import embed_all, fit_text, text_logit
from scoreops.kol.trust import FOREST_CENTRE, FOREST_SCALE, TrustModel, TrustScorer
from scoreops.kol.trust_features import BUSINESS, TRUST_FEATURES, peer_groups

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MIN_ROWS: Final = 80
MIN_EACH: Final = 15
BLOCKS: Final = 6
FIRST_BLOCK: Final = 2
GROUPS: Final = 4
REPLICAS: Final = 60
TREES: Final = 160
FOREST_TREES: Final = 120
_STACKER_L2: Final = 1.0
_MONOTONE: Final = {
    "unexplained_share": -1,
    "spike_share": -1,
    "growth_z_max": -1,
    "decay_after_spike": -1,
    "distinct_text_share": 1,
    "distinct_user_share": 1,
    "spam_share": -1,
    "refund_rate": -1,
    "conversion": 1,
}
"""Directions that hold whatever the sample says: more of a sign of cheating never raises the score."""


@dataclass(frozen=True)
class TrustRows:
    """n labelled rows: features (n, d), comments, label 1 = genuine, KOL, time of the features (hours) and platform."""

    features: Array
    comments: Sequence[Sequence[str]]
    genuine: Array
    kols: NDArray[Any]
    hours: Indices
    platforms: Sequence[str]

    def take(self, rows: Indices) -> TrustRows:
        """Some of the rows."""
        return TrustRows(
            self.features[rows],
            [self.comments[row] for row in rows],
            self.genuine[rows],
            self.kols[rows],
            self.hours[rows],
            [self.platforms[row] for row in rows],
        )


def without_business(rows: TrustRows) -> TrustRows:
    """The rows, each followed by a copy as it would look had the KOL never run a campaign.

    An agency's labels come from campaigns, but scores are asked for KOLs without one too: the model must be calibrated
    for them.
    """
    hidden = rows.features.copy()
    hidden[:, [TRUST_FEATURES.columns.index(name) for name in BUSINESS]] = np.nan
    both = rows.take(np.tile(np.arange(len(rows.genuine)), 2))
    return replace(both, features=np.concatenate([rows.features, hidden]))


@dataclass(frozen=True)
class Trained:
    """The model, its out-of-fold members with their rows, and how much each column mattered."""

    model: TrustModel
    oof_rows: Indices
    oof_score: Array
    """(k,) scores 0-100 of `oof_rows` by models that saw neither the row's KOL nor anything later."""
    importance: dict[str, float]


def train_trust(rows: TrustRows, *, seed: int = 7) -> Trained:
    """Train on labelled rows. Raises Refused when there are too few, or too few of one class."""
    n, genuine = len(rows.genuine), int(rows.genuine.sum())
    if n < MIN_ROWS or min(genuine, n - genuine) < MIN_EACH:
        raise Refused(
            f"{n} labelled rows, {genuine} of them genuine; {MIN_ROWS} are needed and {MIN_EACH} of each kind"
        )
    rows = without_business(rows)
    profiles = embed_all(rows.comments)
    places, members = _members_over(rows, profiles, folds(rows.kols, rows.hours), seed)
    labels = rows.genuine[places]
    crossed, everybody = _members_over(rows, profiles, by_kol(rows.kols), seed)
    stacker = _calibrated(fit_logistic(members, labels, l2=_STACKER_L2, nonnegative=True), everybody, rows, crossed)
    booster, forest, medians = fit_members(rows.features, rows.genuine, seed)
    usual = np.where(np.isnan(rows.features), medians, rows.features)
    model = TrustModel(
        xgboost=export_xgboost(booster, rows.features),
        forest=export_isolation_forest(forest, usual),
        text=fit_text(profiles, rows.genuine),
        stacker=stacker,
        replicas=_bootstrap(members, labels, rows.kols[places], seed),
        medians=medians,
        peers=_peers(100 * stacker(members), rows.take(places)),
    )
    scores = _crossed(members, labels, rows.kols[places])
    real = places < n
    gains = booster.get_score(importance_type="total_gain")
    names = TRUST_FEATURES.columns
    importance = {name: float(gains.get(f"f{place}", 0.0)) for place, name in enumerate(names)}
    return Trained(model, places[real], scores[real], importance)


def folds(kols: NDArray[Any], hours: Indices) -> Iterator[tuple[Indices, Indices]]:
    """(train, test) row numbers: test blocks follow in time; train is earlier and shares no KOL with them.

    Within a block the KOLs are tested group by group, so that only one group's earlier rows are left out of training:
    the stacker should see members that know about as much as the final ones will.
    """
    blocks = np.array_split(np.argsort(hours, kind="stable"), BLOCKS)
    group = _groups(kols)
    for place in range(FIRST_BLOCK, BLOCKS):
        before = np.concatenate(blocks[:place])
        for number in range(GROUPS):
            test = blocks[place][group[blocks[place]] == number]
            if len(test):
                yield before[group[before] != number], test


def by_kol(kols: NDArray[Any]) -> Iterator[tuple[Indices, Indices]]:
    """(train, test) row numbers of a split by KOL alone: every row is tested once, by models of nearly all the rest."""
    group = _groups(kols)
    for number in range(GROUPS):
        yield np.flatnonzero(group != number), np.flatnonzero(group == number)


def _groups(kols: NDArray[Any]) -> Indices:
    return np.array([zlib.crc32(str(kol).encode()) // 7 % GROUPS for kol in kols])


def _calibrated(stacker: Linear, members: Array, rows: TrustRows, places: Indices) -> Linear:
    """The stacker with Platt's two numbers, fitted on KOLs that the members had not seen, worked into it."""
    platt = fit_platt(stacker(members), rows.genuine[places])
    scale = platt.weights[0]
    return Linear(tuple(scale * weight for weight in stacker.weights), scale * stacker.bias + platt.bias)


def _members_over(
    rows: TrustRows, profiles: Array, splits: Iterable[tuple[Indices, Indices]], seed: int
) -> tuple[Indices, Array]:
    """The tested rows and what the members, trained without them, say (k, 3)."""
    places, parts = [], []
    for train, test in splits:
        if min(rows.genuine[train].sum(), (1 - rows.genuine[train]).sum()) < 5:
            continue
        booster, forest, medians = fit_members(rows.features[train], rows.genuine[train], seed)
        filled = np.where(np.isnan(rows.features[test]), medians, rows.features[test])
        text = fit_text(profiles[train], rows.genuine[train])
        member = np.zeros((len(test), 3))
        member[:, 0] = booster.predict(_matrix(rows.features[test]), output_margin=True)
        member[:, 1] = -FOREST_SCALE * (-forest.score_samples(single(filled)) - FOREST_CENTRE)
        member[:, 2] = text_logit(text, profiles[test])
        places.append(test)
        parts.append(member)
    if not parts:
        raise Refused("no fold has both kinds of rows before it")
    return np.concatenate(places), np.concatenate(parts)


def _matrix(features: Array, labels: Array | None = None) -> Any:
    import xgboost

    return xgboost.DMatrix(single(features), label=labels)


def fit_members(features: Array, genuine: Array, seed: int) -> tuple[Any, Any, Array]:
    """The booster, the forest and the medians (d,) that stand for missing values in the forest."""
    import xgboost
    from sklearn.ensemble import IsolationForest

    settings = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "eta": 0.05,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "min_child_weight": 3,
        "lambda": 3.0,
        "base_score": 0.5,
        "seed": seed,
        "nthread": 1,  # so few rows: threads wait for each other longer than they work
        "monotone_constraints": tuple(_MONOTONE.get(name, 0) for name in TRUST_FEATURES.columns),
    }
    booster = xgboost.train(settings, _matrix(features, genuine), TREES)
    known = np.isfinite(features).any(axis=0)
    medians = np.zeros(features.shape[1])
    medians[known] = np.nanmedian(features[:, known], axis=0)
    filled = single(np.where(np.isnan(features), medians, features))
    forest = IsolationForest(n_estimators=FOREST_TREES, random_state=seed, n_jobs=1).fit(filled)
    return booster, forest, medians


def _bootstrap(members: Array, labels: Array, kols: NDArray[Any], seed: int) -> Array:
    """(REPLICAS, 4) stackers fitted on samples of KOLs with replacement: how sure the weighing is."""
    rng = np.random.default_rng(seed)
    names = np.unique(kols)
    rows_of = {name: np.nonzero(kols == name)[0] for name in names}
    made: list[list[float]] = []
    while len(made) < REPLICAS:
        sample = np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])
        if 0 < labels[sample].sum() < len(sample):
            head = fit_logistic(members[sample], labels[sample], l2=_STACKER_L2, nonnegative=True)
            made.append([*head.weights, head.bias])
    return np.array(made)


def _crossed(members: Array, labels: Array, kols: NDArray[Any]) -> Array:
    """Scores of the out-of-fold rows by stackers that did not see their KOL either."""
    _, codes = np.unique(kols, return_inverse=True)
    score = np.empty(len(labels))
    for part in range(GROUPS):
        test = codes % GROUPS == part
        head = fit_logistic(members[~test], labels[~test], l2=_STACKER_L2, nonnegative=True)
        score[test] = 100 * head(members[test])
    return score


def _peers(score: Array, rows: TrustRows) -> dict[str, list[float]]:
    sizes = rows.features[:, TRUST_FEATURES.columns.index("log_followers")]
    groups = np.array(peer_groups(rows.platforms, sizes))
    steps = np.linspace(0, 1, 21)
    made = {"*": np.quantile(score, steps).tolist()}
    for group in np.unique(groups):
        if (groups == group).sum() >= 20:
            made[str(group)] = np.quantile(score[groups == group], steps).tolist()
    return made


__all__ = ["Trained", "TrustRows", "TrustScorer", "folds", "train_trust"]
