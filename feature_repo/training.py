"""Training rows: for each labelled moment the features as they were known then, and nothing newer.

Two engines give the same rows: `asof`, ours, and `feast`, the SDK's get_historical_features with
filter_by_created_timestamp, which compares every history row of an entity and is there to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from feature_repo.views import JOIN_KEY, RATES, RATES_VIEW, ROLLING_VIEW, VIEWS, View, rates, service_refs
from scoreops.adapters.settings import Settings
from scoreops.core.asof import Questions, Rows, asof
from scoreops.core.errors import BadInput, NotFound, Unsupported

if TYPE_CHECKING:
    from feast import FeatureStore

Engine = Literal["asof", "feast"]
EVENT_TIME: Final = "event_timestamp"
CREATED: Final = "created"
_TIME: Final = "datetime64[us, UTC]"
_ROW: Final = "row_"


def training_rows(
    entities: pd.DataFrame, service: str | Sequence[str], settings: Settings, engine: Engine = "asof"
) -> pd.DataFrame:
    """`entities` with the features of a service beside it, row for row and in the same order.

    A feature row counts when it is of the same KOL, its event time and its creation are not after the moment, and it
    is not older than its view's ttl; the newest counts. Without one the features are NaN.

    Args:
        entities: kol_id, event_timestamp (naive means UTC) and any other columns, labels for instance.
        service: name of a feature service, or "view:feature" names.
        settings: where the offline files are.
        engine: "asof" or "feast".

    Raises:
        BadInput: a column of `entities` is missing, null, or named like a feature.
        NotFound: a view has no offline file yet.
        Unsupported: an unknown service, feature or engine.
    """
    refs = service_refs(service) if isinstance(service, str) else tuple(service)
    asked = _asked(entities, refs)
    if engine == "asof":
        features = _by_asof(asked, refs, settings.offline_dir)
    elif engine == "feast":
        from feature_repo.feast_store import open_store

        features = by_feast(asked, refs, open_store(settings))
    else:
        raise Unsupported(f"{engine!r} is not one of the engines asof, feast")
    features.index = entities.index
    return pd.concat([entities.assign(**{EVENT_TIME: asked[EVENT_TIME].array}), features], axis=1)


def by_feast(asked: pd.DataFrame, refs: Sequence[str], store: FeatureStore) -> pd.DataFrame:
    """Features of `asked` (kol_id, event_timestamp in UTC) as Feast's own join answers, in the order of `asked`."""
    job = store.get_historical_features(
        entity_df=_for_feast(asked),
        features=list(refs),
        filter_by_created_timestamp=True,
    )
    found: pd.DataFrame = job.to_df().sort_values(_ROW)  # Feast's stores answer in any order
    return found[[_feature(ref) for ref in refs]].astype(np.float64).reset_index(drop=True)


def _for_feast(asked: pd.DataFrame) -> pd.DataFrame:
    return asked.astype({JOIN_KEY: object}).assign(**{_ROW: np.arange(len(asked))})


def _asked(entities: pd.DataFrame, refs: Sequence[str]) -> pd.DataFrame:
    """kol_id as text and event_timestamp in UTC, microseconds."""
    for name in (JOIN_KEY, EVENT_TIME):
        if name not in entities or bool(entities[name].isna().any()):
            raise BadInput("must be a column without nulls", name)
    names = [_feature(ref) for ref in refs]
    taken = sorted({name for name in names if name in entities or names.count(name) > 1})
    if taken:
        raise BadInput("would be in the result twice", taken[0])
    times = pd.to_datetime(entities[EVENT_TIME], utc=True, cache=False).astype(_TIME)
    return pd.DataFrame({JOIN_KEY: pd.arrays.ArrowExtensionArray(_text(entities[JOIN_KEY])), EVENT_TIME: times.array})


def _text(names: pd.Series[str]) -> pa.Array:
    try:
        return pa.array(names, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):  # numbers and the like
        return pa.array(names.astype(str), pa.string())


def _by_asof(asked: pd.DataFrame, refs: Sequence[str], folder: Path) -> pd.DataFrame:
    direct = {ref for ref in refs if not ref.startswith(f"{RATES_VIEW}:")}
    derived = [_feature(ref) for ref in refs if ref not in direct]
    for name in derived:
        if name not in RATES:
            raise Unsupported(f"{name!r} is not one of the features {', '.join(RATES)}")
        direct |= {f"{ROLLING_VIEW.name}:{part}" for part in RATES[name]}
    made: dict[str, NDArray[np.float64]] = {}
    for view in sorted({ref.partition(":")[0] for ref in direct}):
        made |= _join(asked, _known(view), [_feature(r) for r in sorted(direct) if r.startswith(f"{view}:")], folder)
    if derived:
        base = {part: made.get(part, np.full(len(asked), np.nan)) for pair in RATES.values() for part in pair}
        made |= rates(base)
    return pd.DataFrame({_feature(ref): made[_feature(ref)] for ref in refs})


def _join(asked: pd.DataFrame, view: View, features: list[str], folder: Path) -> dict[str, NDArray[np.float64]]:
    for name in features:
        if name not in view.features:
            raise Unsupported(f"{view.name} has no feature {name!r}")
    file = folder / f"{view.name}.parquet"
    if not file.exists():
        raise NotFound(f"the view {view.name} has no offline file {file}")
    table = pq.read_table(file, columns=[JOIN_KEY, EVENT_TIME, CREATED, *features])
    known = pc.unique(table[JOIN_KEY])
    rows = Rows(_codes(table[JOIN_KEY], known), _micros(table[EVENT_TIME]), _micros(table[CREATED]))
    names = pa.chunked_array([pa.array(asked[JOIN_KEY])])
    times = asked[EVENT_TIME].to_numpy("datetime64[us]").astype(np.int64)
    found = asof(rows, Questions(_codes(names, known), times), round(view.ttl.total_seconds() * 1_000_000))
    missing = found < 0
    made = {}
    for name in features:
        values = np.asarray(pc.fill_null(table[name], np.nan).to_numpy(), np.float64)
        made[name] = np.where(missing, np.nan, values[found] if len(values) else np.nan)
    return made


def _codes(names: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int64]:
    """Place of each name among the known ones; -1 for an unknown one."""
    places = pc.index_in(names.cast(pa.string()), value_set=known.cast(pa.string()))
    return np.asarray(pc.fill_null(places, -1).to_numpy(), np.int64)


def _micros(times: pa.ChunkedArray) -> NDArray[np.int64]:
    if times.null_count:
        raise BadInput("an offline file holds a row without event time or creation")
    return np.asarray(times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(), np.int64)


def _known(name: str) -> View:
    try:
        return VIEWS[name]
    except KeyError:
        raise Unsupported(f"{name!r} is not one of the views {', '.join((*VIEWS, RATES_VIEW))}") from None


def _feature(ref: str) -> str:
    return ref.partition(":")[2]
