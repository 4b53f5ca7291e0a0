"""Training steps: rows in, a bundle out. Only rows that are not held out are seen."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from kfp_pipelines.bundling import bundle
from kfp_pipelines.dataset import HELD_HOURS, hours_of
from kfp_pipelines.rehearsal import PERMUTED
from scoreops.adapters.bundles import write_folder
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS
from scoreops.kol.success_training import SuccessRows, Totals, train_success
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_training import TrustRows, train_trust


def trust_training_rows(rows: pd.DataFrame, columns: tuple[str, ...]) -> TrustRows:
    """Rows with `columns` in this order as the trainer wants them."""
    return TrustRows(
        rows[list(columns)].to_numpy(np.float64),
        [list(texts) for texts in rows["comments"]],
        rows["genuine"].to_numpy(np.float64),
        rows["kol_id"].to_numpy(),
        hours_of(rows),
        list(rows["platform"]),
    )


def fit(score: str, data: Path, outcomes: Path, until: int, fault: str, out: Path) -> dict[str, float]:
    """Train `score` on DATA/rows.parquet, with a rehearsed `fault` or none, and write its bundle to `out`."""
    rows = pd.read_parquet(data / "rows.parquet")
    people = pd.read_parquet(data / "population.parquet")
    seen = rows[~rows["held_out"]].reset_index(drop=True)
    made = _trust(seen, people, until, fault) if score == "trust" else _success(seen, people, outcomes, until)
    write_folder(made, out)
    return {"rows": float(len(seen)), "bytes": float(sum(map(len, made.values())))}


def _trust(rows: pd.DataFrame, people: pd.DataFrame, until: int, fault: str) -> dict[str, bytes]:
    columns = TRUST_FEATURES.columns
    if fault == PERMUTED:
        columns = (*columns[12:], *columns[:12])
    trained = train_trust(trust_training_rows(rows, columns))
    return bundle(
        "trust", trained.model.files(), rows, people, until=until, columns=columns, importance=trained.importance
    )


def _success(rows: pd.DataFrame, people: pd.DataFrame, outcomes: Path, until: int) -> dict[str, bytes]:
    held = np.load(outcomes / "totals.npz", allow_pickle=False)
    totals = Totals(int(held["start"]), {name: held[name] for name in held.files if name != "start"})
    before = rows[hours_of(rows) + 24 <= until - HELD_HOURS]
    made = SuccessRows(
        before[list(SUCCESS_FEATURES.columns)].to_numpy(np.float64),
        before[list(TARGETS)].to_numpy(np.float64),
        hours_of(before),
    )
    trained = train_success(made, totals.until(until - HELD_HOURS), lstm=find_spec("torch") is not None)
    return bundle("success", trained.model.files(), before, people, until=until, importance=trained.importance)
