"""The first step: history from the lake into the offline store, and what became of each hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from feature_repo.kol_history import history
from feature_repo.offline import write_offline, write_trust_lag
from feature_repo.views import SUCCESS_VIEW, TRUST_VIEW
from scoreops.adapters.settings import Settings
from scoreops.kol.hours import HourCube
from scoreops.kol.success_features import TARGETS, success_targets
from scoreops.kol.success_training import platform_totals
from scoreops.kol.tiles import HOUR_US
from scoreops.kol.trust_features import MIN_HOURS

STEP_HOURS: Final = 5
"""Hours between the rows of a KOL: neighbours in time tell little more than one of them, and in steps of 5 every hour
of the day comes up."""
NO_SCORES: Final = pd.DataFrame({"kol_id": [], "hour": [], "trust_score": []}).astype({"hour": "int64"})
"""No trust score of an earlier hour: what success reads unless trust was trained first."""


def build_features(settings: Settings, until: int, out: Path) -> dict[str, Any]:
    """Write the hourly views for every hour of the grid up to `until`, and outcomes to `out`.

    Args:
        settings: where lake and offline store are.
        until: hour since the epoch; nothing that happened in it or later is looked at.
        out: folder for outcomes.parquet (kol_id, event_timestamp, platform, TARGETS, followers, net_revenue_24h) and
            totals.npz (the platforms' hourly totals).

    Raises:
        Refused: the lake holds too little history.
    """
    cube = history(settings, until)
    trust = _grid(cube.start + MIN_HOURS, until)
    success = _grid(cube.start + 24, until)
    written = write_offline(cube, settings, {TRUST_VIEW.name: trust, SUCCESS_VIEW.name: success})
    write_trust_lag(NO_SCORES, settings)
    out.mkdir(parents=True, exist_ok=True)
    _outcomes(cube, success).to_parquet(out / "outcomes.parquet")
    totals = platform_totals(cube)
    arrays: dict[str, Any] = {"start": np.array(totals.start), **totals.series}
    np.savez(out / "totals.npz", **arrays)
    return {"kols": len(cube.kols), "hours": cube.stop - cube.start, "rows": written}


def _grid(first: int, until: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Hours in steps of STEP_HOURS that end with `until`."""
    return np.arange(until - (until - first) // STEP_HOURS * STEP_HOURS, until + 1, STEP_HOURS, dtype=np.int64)


def _outcomes(cube: HourCube, hours: np.ndarray[Any, np.dtype[np.int64]]) -> pd.DataFrame:
    n, width = len(cube.kols), len(hours)
    targets = success_targets(cube, hours).reshape(n * width, len(TARGETS))
    refunded = np.concatenate([np.zeros((n, 1)), np.cumsum(cube["refunded"], axis=1)], axis=1)
    stop = np.minimum(hours + 24, cube.stop) - cube.start
    spent = (refunded[:, stop] - refunded[:, hours - cube.start]).ravel()
    before = np.clip(hours - 1 - cube.start, 0, None)
    frame = pd.DataFrame(targets, columns=list(TARGETS))
    frame.insert(0, "kol_id", np.repeat(np.array(cube.kols), width))
    frame.insert(1, "event_timestamp", pd.to_datetime(np.tile(hours * HOUR_US, n), unit="us", utc=True))
    frame.insert(2, "platform", np.repeat(np.array(cube.platforms), width))
    frame["followers"] = cube["followers"][:, before].ravel()
    frame["net_revenue_24h"] = frame["revenue_24h"] - spent
    return frame
