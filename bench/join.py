"""The point-in-time join of 100,000 rows and 10 features: ours against Feast's duckdb offline store.

Both read the same Parquet file of 500 KOLs with an hourly history of three weeks, honour event time, creation time and
ttl, and must give equal rows. Feast's definitions are applied, and both are run once, before the clock starts.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.feast_store import open_store
from feature_repo.training import by_feast, training_rows
from feature_repo.views import TRUST_VIEW
from scoreops.adapters.settings import Settings

ROWS: Final = 100_000
FEATURES: Final = TRUST_VIEW.refs[:10]
KOLS: Final = 500
HOURS: Final = 21 * 24
RUNS: Final = 9
_START: Final = 490_000
_HOUR_US: Final = 3_600_000_000


def main() -> Mapping[str, object]:
    """Seconds of both, medians of RUNS, and their ratio."""
    home = Path(tempfile.mkdtemp(prefix="scoreops-bench-"))
    settings = Settings(home=home)
    try:
        history = _history(settings)
        asked = _asked()
        store = open_store(settings)
        ours = training_rows(asked, FEATURES, settings)
        theirs = by_feast(asked, FEATURES, store)
        pd.testing.assert_frame_equal(ours[theirs.columns], theirs)
        our_s = _median(lambda: training_rows(asked, FEATURES, settings))
        feast_s = _median(lambda: by_feast(asked, FEATURES, store))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "rows": ROWS,
        "features": len(FEATURES),
        "history_rows": history,
        "equal_rows": True,
        "with_a_value": round(float(ours[theirs.columns].notna().any(axis=1).mean()), 3),
        "ours_s": round(our_s, 3),
        "feast_duckdb_s": round(feast_s, 3),
        "ratio": round(feast_s / our_s, 1),
    }


def _history(settings: Settings) -> int:
    """The view's offline file, encoded as the platform writes it. Returns its rows.

    A row for each KOL and hour, created up to ten minutes after its hour.
    """
    draw = np.random.default_rng(1)
    n = KOLS * HOURS
    event = (np.tile(np.arange(HOURS), KOLS) + _START) * _HOUR_US
    created = event + draw.integers(0, 600_000_000, n)
    columns = {
        "kol_id": pa.array(np.repeat([f"kol-{number:05d}" for number in range(KOLS)], HOURS)),
        "event_timestamp": pa.array(event).cast(pa.timestamp("us", "UTC")),
        "created": pa.array(created).cast(pa.timestamp("us", "UTC")),
    }
    values = {name: pa.array(draw.normal(size=n)) for name in TRUST_VIEW.features}
    settings.offline_dir.mkdir(parents=True, exist_ok=True)
    file = settings.offline_dir / f"{TRUST_VIEW.name}.parquet"
    pq.write_table(pa.table(columns | values), file, use_dictionary=["kol_id"], compression="lz4")
    return n


def _asked() -> pd.DataFrame:
    draw = np.random.default_rng(2)
    kols = [f"kol-{number:05d}" for number in draw.integers(0, KOLS, ROWS)]
    moments = _START * _HOUR_US + draw.integers(0, HOURS * _HOUR_US, ROWS)
    return pd.DataFrame({"kol_id": kols, "event_timestamp": pd.to_datetime(moments, unit="us", utc=True)})


def _median(work: Callable[[], object]) -> float:
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return float(np.median(took))
