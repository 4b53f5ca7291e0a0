"""Coupling: trust scores of earlier hours as a feature of the success forecast, never by a model that knew more."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from feature_repo.offline import write_trust_lag
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Refused
from scoreops.kol.hours import hours_of
from scoreops.kol.trust import TrustModel
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_recipe import trust_training_rows
from scoreops.kol.trust_training import train_trust

CUTS: Final = (0.55, 0.7, 0.85)
"""Where, as shares of the labels in order of time, a model is trained that scores what follows up to the next cut."""


def write_lag(settings: Settings, until: int, data: Path) -> int:
    """Score every KOL and hour by a model trained on labels known before that hour. Returns the number of rows.

    `data` holds the rows of trust's own check. Hours before the first cut have no score.
    """
    labelled = pd.read_parquet(data / "rows.parquet").sort_values("event_timestamp", ignore_index=True)
    stored = pq.read_table(settings.offline_dir / "kol_trust.parquet").to_pandas()
    known, hours = hours_of(labelled), hours_of(stored)
    edges = [int(known[int(share * len(known))]) for share in CUTS] + [until + 1]
    parts = []
    for first, stop in pairwise(edges):
        before, after = labelled[known < first], (hours >= first) & (hours < stop)
        try:
            model = train_trust(trust_training_rows(before, TRUST_FEATURES.columns)).model
        except Refused:  # too few labels by then: the hours up to the next cut stay without a score
            continue
        part = stored.loc[after]
        features = part[list(TRUST_FEATURES.columns)].to_numpy(np.float64)
        made = TrustModel.load(model.files()).score(features, reasons=False)
        parts.append(pd.DataFrame({"kol_id": part["kol_id"], "hour": hours[after], "trust_score": made.score}))
    if not parts:
        raise Refused(f"{len(labelled)} labels are too few to score earlier hours; train without coupling")
    return write_trust_lag(pd.concat(parts).dropna(), settings)
