"""An online read of 100 entities and 50 features: our store against Feast's SDK on the same Valkey and the same rows.

The features are those of the hourly success view and of the trust view; both must return equal values. Feast's
get_online_features is called as its documentation shows, without usage reports.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.feast_store import open_store
from feature_repo.views import JOIN_KEY, PROJECT, SUCCESS_VIEW, TRUST_VIEW
from scoreops.adapters.online_store import EVENT_TIME, OnlineStore, connect
from scoreops.adapters.settings import Settings
from scoreops.local.runtime import running

ENTITIES: Final = 100
FEATURES: Final = (*SUCCESS_VIEW.refs, *(r for r in TRUST_VIEW.refs if not r.endswith(":log_followers")))[:50]
"""Without a name that both views have: Feast asks for distinct ones."""
STORED: Final = 1_000
RUNS: Final = 200
_PORTS: Final = 400
_NOW_US: Final = 1_772_000_000_000_000


def main() -> Mapping[str, object]:
    """Milliseconds of a read, median and p99 of RUNS, of both, and their ratio."""
    os.environ["FEAST_USAGE"] = "False"
    home = Path(tempfile.mkdtemp(prefix="scoreops-bench-"))
    given = Settings()
    settings = given.model_copy(update={"home": home, "port_base": given.port_base + _PORTS})
    try:
        with running(settings, ("valkey",)):
            ours = OnlineStore(connect(settings.redis_url), JOIN_KEY, PROJECT)
            names = _write(ours)
            store = open_store(settings)
            asked = names[:: STORED // ENTITIES]
            rows = [{JOIN_KEY: name} for name in asked]

            def feast() -> Any:
                return store.get_online_features(features=list(FEATURES), entity_rows=rows)

            _equal(ours.read(FEATURES, asked).values, feast())
            our_ms, feast_ms = _times(lambda: ours.read(FEATURES, asked)), _times(feast)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "entities": ENTITIES,
        "features": len(FEATURES),
        "equal_values": True,
        **{f"ours_ms_p{q}": round(float(np.percentile(our_ms, q)), 2) for q in (50, 99)},
        **{f"feast_ms_p{q}": round(float(np.percentile(feast_ms, q)), 2) for q in (50, 99)},
        "ratio": round(float(np.median(feast_ms) / np.median(our_ms)), 1),
    }


def _write(store: OnlineStore) -> list[str]:
    draw = np.random.default_rng(3)
    names = [f"kol-{number:05d}" for number in range(STORED)]
    for view in (SUCCESS_VIEW, TRUST_VIEW):
        stamps = pa.array(np.full(STORED, _NOW_US)).cast(pa.timestamp("us", "UTC"))
        values = {name: pa.array(draw.normal(size=STORED)) for name in view.features}
        store.write(view.name, pa.table({JOIN_KEY: names, EVENT_TIME: stamps, **values}))
    return names


def _equal(ours: NDArray[np.float64], answer: Any) -> None:
    found = answer.to_dict()
    names = [ref.partition(":")[2] for ref in FEATURES]
    theirs = np.array([found[name] for name in names], dtype=np.float64).T
    np.testing.assert_array_equal(ours, theirs)


def _times(work: Callable[[], object]) -> Sequence[float]:
    made = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        made.append((time.perf_counter() - began) * 1000)
    return made[RUNS // 10 :]
