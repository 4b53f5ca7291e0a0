"""Data checks: what must hold of training rows before anything is learnt from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from feature_repo.offline import hourly_table
from feature_repo.views import LAG_VIEW, SERVICES, VIEWS, View
from kfp_pipelines.dataset import hours_of
from kfp_pipelines.features import history
from scoreops.adapters.settings import Settings
from scoreops.core.metrics import auc
from scoreops.core.verdict import Outcome, Verdict

SAMPLED_AT: Final = np.array([0.5, 0.9])
"""Where in the history, as shares of its hours, features are computed again."""
LATE_SHARE: Final = 0.03
TOO_GOOD: Final = 0.995
MIN_ROWS: Final = {"trust": 80, "success": 500}


def check_rows(rows: pd.DataFrame, score: str) -> list[Verdict]:
    """Enough rows, none twice, no infinite value, no column that knows the label by itself."""
    n, need, columns = len(rows), MIN_ROWS[score], [ref.partition(":")[2] for ref in SERVICES[score]]
    twice = int(rows.duplicated([c for c in ("kol_id", "event_timestamp", "genuine") if c in rows]).sum())
    infinite = [name for name in columns if np.isinf(rows[name].to_numpy(np.float64)).any()]
    outcome = Outcome.PASS if n >= need else Outcome.INSUFFICIENT
    verdicts = [
        Verdict("rows", outcome, n, need, float(n), float(need), f"{n} rows, {need} are needed"),
        _verdict("repeated_rows", not twice or score == "trust", n, f"{twice} rows come twice"),
        _verdict("finite", not infinite, n, f"infinite values in {', '.join(infinite[:5]) or 'no column'}"),
    ]
    if "genuine" in rows:
        verdicts.append(_too_good(rows, columns))
    return verdicts


def _too_good(rows: pd.DataFrame, columns: Sequence[str]) -> Verdict:
    labels = rows["genuine"].to_numpy(np.float64)
    found = []
    for name in columns:
        values = rows[name].to_numpy(np.float64)
        known = np.isfinite(values)
        power = auc(labels[known], values[known]) if known.sum() >= 50 else 0.5
        if not np.isnan(power) and max(power, 1 - power) > TOO_GOOD:
            found.append(name)
    words = f"{', '.join(found)} tells the label alone (AUC over {TOO_GOOD})" if found else "no column tells the label"
    return _verdict("too_good_to_be_true", not found, len(rows), words)


def check_leakage(settings: Settings, score: str, until: int) -> list[Verdict]:
    """Stored features are what the events before their hour give, and were not stamped before they could be known.

    Some hours are computed again from a history that ends where they begin: a feature that saw the future differs.
    """
    views = sorted({ref.partition(":")[0] for ref in SERVICES[score]})
    verdicts = []
    for name in views:
        file = settings.offline_dir / f"{name}.parquet"
        if file.exists():
            verdicts.append(_lag(settings) if name == LAG_VIEW.name else _recomputed(settings, VIEWS[name], until))
    return verdicts


def _recomputed(settings: Settings, view: View, until: int) -> Verdict:
    stored = pq.read_table(settings.offline_dir / f"{view.name}.parquet").to_pandas()
    hours = hours_of(stored)
    known = np.unique(hours[hours < until])
    if not len(known):
        return _verdict(f"leakage_{view.name}", False, 0, f"{view.name} holds no hour before {until}")
    sample, wrong, n = known[(len(known) * SAMPLED_AT).astype(int)], [], 0
    cube = history(settings, int(sample[-1]))
    for hour in sample:
        fresh = hourly_table(view, cube.slice(cube.start, int(hour)), np.array([hour])).to_pandas().set_index("kol_id")
        kept = stored[hours == hour].set_index("kol_id").reindex(fresh.index)
        n += len(fresh)
        wrong += [name for name in view.features if not _alike(fresh[name], kept[name])]
    named = ", ".join(sorted(set(wrong))[:5])
    words = f"differs from what was known at its hour: {named}" if wrong else "equals what was known at its hour"
    return _verdict(f"leakage_{view.name}", bool(n) and not wrong, n, f"{view.name} {words}")


def _alike(fresh: pd.Series[float], kept: pd.Series[float]) -> bool:
    """Equal but for what events that came late have changed since: so many of the KOLs, and little of the rest."""
    same = np.isclose(fresh.to_numpy(np.float64), kept.to_numpy(np.float64), rtol=0.01, atol=0.01, equal_nan=True)
    return bool(same.mean() >= 1 - LATE_SHARE)


def _lag(settings: Settings) -> Verdict:
    table = pq.read_table(settings.offline_dir / f"{LAG_VIEW.name}.parquet", columns=["event_timestamp", "scored_at"])
    if not len(table):
        return _verdict("trust_score_t_1", True, 0, "no score of an earlier hour is fed to the forecast")
    early = int((table["scored_at"].to_numpy() >= table["event_timestamp"].to_numpy()).sum())
    return _verdict(
        "trust_score_t_1", not early, len(table), f"{early} scores are not older than the hour they stand at"
    )


def _verdict(gate: str, good: bool, n: int, words: str) -> Verdict:  # noqa: FBT001
    return Verdict(gate, Outcome.PASS if good else Outcome.FAIL, n, 1, None, None, words)
