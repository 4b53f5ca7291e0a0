"""How far scores and alerts agree with the truth of a generated world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from feature_repo.frames.trust import held_out
from scoreops.core.metrics import auc, ece
from scoreops.kol.labels import Label

MATCH_HOURS: Final = 2
"""An alert belongs to a jump whose first hour lies within so many hours."""

Json = dict[str, Any]


def trust_agreement(records: Sequence[Mapping[str, Any]], labels: Iterable[Label], truth: Json) -> Json:
    """AUC and calibration error of the trust scores of KOLs whose label no training saw.

    `ece` is freed of what chance alone adds with so few KOLs; `ece_with_chance` is the plain figure.
    """
    labelled = {label.kol_id for label in labels}
    unseen = [
        record
        for record, apart in zip(records, held_out(record["kol_id"] for record in records), strict=True)
        if (apart or record["kol_id"] not in labelled) and record["inputs"]["trust"] is not None
    ]
    genuine = np.array([not truth["kols"][record["kol_id"]]["fraud"] for record in unseen], dtype=np.float64)
    score = np.array([record["inputs"]["trust"] for record in unseen]) / 100
    errors = {"ece": ece(genuine, score), "ece_with_chance": ece(genuine, score, debias=False)}
    made = {"auc": auc(genuine, score)} | errors
    return {"unseen_kols": len(unseen)} | {name: round(value, 4) for name, value in made.items()}


def spike_agreement(alerts: Iterable[Mapping[str, Any]], truth: Json, since_us: int, until_us: int) -> Json:
    """Recall and precision of follower-spike alerts against the jumps that happened in the time judged."""
    hour_us = 3_600_000_000
    jumps = {
        (kol, _us(spike["hour"]) // hour_us)
        for kol, known in truth["kols"].items()
        for spike in known["spikes"]
        if since_us <= _us(spike["hour"]) < until_us - hour_us
    }
    said = {(a["kol_id"], a["event_us"] // hour_us - 1) for a in alerts if a["rule"] == "follower_spike"}
    near = range(-MATCH_HOURS, MATCH_HOURS + 1)
    found = sum(any((kol, hour + d) in said for d in near) for kol, hour in jumps)
    every = {(kol, _us(spike["hour"]) // hour_us) for kol, known in truth["kols"].items() for spike in known["spikes"]}
    right = sum(any((kol, hour + d) in every for d in near) for kol, hour in said)
    return {
        "jumps": len(jumps),
        "alerts": len(said),
        "recall": round(found / max(len(jumps), 1), 4),
        "precision": round(right / max(len(said), 1), 4),
    }


def _us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
