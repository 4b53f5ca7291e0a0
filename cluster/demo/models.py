"""The demo's models, trained on a small generated world: trust in four versions, success, and what joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kfp_pipelines.bundling import bundle
from scoreops.catalog import score
from scoreops.core.errors import BadInput
from scoreops.core.recipe import Scorer
from scoreops.kol.events import Comment, parse
from scoreops.kol.fusion import Inputs
from scoreops.kol.fusion_score import FUSION_FEATURES, features_of, files_of
from scoreops.kol.fusion_training import Moment, fit_revision
from scoreops.kol.hours import HourCube, hour_cube
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS, success_features, success_targets
from scoreops.kol.success_training import SuccessRows, platform_totals, train_success
from scoreops.kol.tiles import fold, to_table
from scoreops.kol.trust import TrustModel
from scoreops.kol.trust_features import TRUST_FEATURES, trust_features
from scoreops.kol.trust_training import TrustRows, train_trust
from scoreops.kol.world import World, WorldSpec
from scoreops.kol.world_truth import labels

Array = NDArray[np.float64]
Bundle = Mapping[str, bytes]

EARLY_SHARE: Final = 0.7
"""The first version of trust was trained on so much of what the later ones know."""
STEP_HOURS: Final = 12
LAST_COMMENTS: Final = 30


@dataclass(frozen=True)
class Models:
    """Bundles, and the questions that they are asked: trust features (n, d), and whether each KOL is genuine (n,).

    `misjoined` was trained on the label of the row before: it answers as fast and as often as any other.
    """

    stable: Bundle
    better: Bundle
    misjoined: Bundle
    success: Bundle
    fusion: Bundle
    asked: Array
    genuine: Array


@dataclass(frozen=True)
class _Told:
    """A world as it was observed: hours of every KOL, comments by KOL, and labelled rows of trust in order of time."""

    cube: HourCube
    rows: TrustRows


def train(spec: WorldSpec) -> Models:
    """Train everything. Raises Refused when the world is too small for it."""
    told = _observe(World(spec))
    rows = told.rows
    cut = int(len(rows.genuine) * EARLY_SHARE)
    known = rows.take(np.arange(cut))
    early = train_trust(known.take(np.arange(0, cut, 2))).model
    later = train_trust(known).model
    wrong = train_trust(replace(known, genuine=np.roll(known.genuine, 1))).model
    better, success = _trust(later, known, told.cube.stop), _success(told.cube)
    return Models(
        stable=_trust(early, known, told.cube.stop),
        better=better,
        misjoined=_trust(wrong, known, told.cube.stop),
        success=success,
        fusion=_fusion(told.cube, score("trust").load(better), score("success").load(success)),
        asked=rows.features[cut:],
        genuine=rows.genuine[cut:],
    )


def _observe(world: World) -> _Told:
    events, said = [], []
    for raw in (line for part in world.lines() for line in part):
        try:
            event = parse(raw)
        except BadInput:  # the world has messages that fit no contract, as the real one has
            continue
        events.append(event)
        if isinstance(event, Comment):
            said.append(event)
    clock = world.clock
    cube = hour_cube(fold(to_table(events)), clock.start, clock.stop)
    return _Told(cube, _labelled(world, cube, said))


def _labelled(world: World, cube: HourCube, said: Sequence[Comment]) -> TrustRows:
    """A row for each label whose KOL was seen: features of its hour, and the last comments before it."""
    place = {kol: number for number, kol in enumerate(cube.kols)}
    known = [one for one in labels(world) if one["kol_id"] in place]
    at = [datetime.fromisoformat(one["label_time"]) for one in known]
    hours = np.array([int(moment.timestamp()) // 3600 for moment in at], dtype=np.int64)
    columns, row_hour = np.unique(hours, return_inverse=True)
    everyone = trust_features(cube, columns)
    kols = [place[one["kol_id"]] for one in known]
    by_kol: dict[str, list[Comment]] = {}
    for comment in sorted(said, key=lambda one: one.event_time):
        by_kol.setdefault(comment.kol_id, []).append(comment)
    texts = [
        [one.text for one in by_kol.get(label["kol_id"], ()) if one.event_time < moment][-LAST_COMMENTS:]
        for label, moment in zip(known, at, strict=True)
    ]
    return TrustRows(
        everyone[kols, row_hour],
        texts,
        np.array([0.0 if one["fraud"] else 1.0 for one in known]),
        np.array([one["kol_id"] for one in known]),
        hours,
        [cube.platforms[kol] for kol in kols],
    )


def _trust(model: TrustModel, rows: TrustRows, until: int) -> Bundle:
    frame = pd.DataFrame(rows.features, columns=list(TRUST_FEATURES.columns))
    return bundle("trust", model.files(), frame, frame, until=until)


def _success(cube: HourCube) -> Bundle:
    hours = np.arange(cube.start + 24, cube.stop - 24, STEP_HOURS, dtype=np.int64)
    features, targets = success_features(cube, hours), success_targets(cube, hours)
    rows = SuccessRows(
        features.reshape(-1, len(SUCCESS_FEATURES)),
        targets.reshape(-1, len(TARGETS)),
        np.tile(hours, len(cube.kols)).astype(np.int64),
    )
    model = train_success(rows, platform_totals(cube)).model
    frame = pd.DataFrame(rows.features, columns=list(SUCCESS_FEATURES.columns))
    return bundle("success", model.files(), frame, frame, until=cube.stop)


def _fusion(cube: HourCube, trust: Scorer, success: Scorer) -> Bundle:
    """Weights fitted on what both would have said at past moments, and what came of it."""
    hours = np.arange(cube.stop - 96, cube.stop - 24, STEP_HOURS, dtype=np.int64)
    trusted, sold = trust_features(cube, hours), success_features(cube, hours)
    earned = success_targets(cube, hours)[:, :, TARGETS.index("revenue_24h")]
    followers = cube["followers"][:, hours - 1 - cube.start]
    moments = [
        Moment(_inputs(trust, success, trusted[:, place], sold[:, place]), followers[:, place], earned[:, place])
        for place in range(len(hours))
    ]
    revision = fit_revision(moments, trials=20)
    rows = pd.DataFrame(
        np.concatenate([features_of(one.inputs) for one in moments]), columns=list(FUSION_FEATURES.columns)
    )
    return bundle("fusion", files_of(revision), rows, rows, until=cube.stop)


def _inputs(trust: Scorer, success: Scorer, features: Array, sold: Array) -> Inputs:
    answer = trust.infer({"features": features}, {"reasons": False})
    forecast = success.infer({"features": sold}, {})
    day, hour = TARGETS.index("revenue_24h"), TARGETS.index("revenue_1h")
    share = {side: features[:, TRUST_FEATURES.columns.index(f"{side}_share")] for side in ("positive", "negative")}
    none = np.zeros(len(features))
    return Inputs(
        trust=answer["score"],
        trust_low=answer["low"],
        trust_high=answer["high"],
        trust_age=none,
        revenue_1h=forecast["forecast"][:, hour],
        revenue_24h=forecast["forecast"][:, day],
        revenue_24h_low=forecast["low"][:, day],
        revenue_24h_high=forecast["high"][:, day],
        success_age=none,
        sentiment=share["positive"] - share["negative"],
        anomaly=none,
    )
