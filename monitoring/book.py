"""What is known of a model's versions, read from the store: the port `Book` of the gates in this process."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.store import Store
from monitoring.summing import drifted, own, paired, rows_to_judge, with_entities
from scoreops.catalog import judged_columns
from scoreops.core.bundle import Manifest
from scoreops.core.errors import NotFound, NotReady
from scoreops.core.gates.evidence import Drifted, Evidence, Fresh, Paired, Skewed, Wanted
from scoreops.core.gates.ports import Shelf

Array = NDArray[np.float64]
SKEW_ROWS: Final = 200
"""Rows of inputs that are compared with the feature store, the first of a stage."""
SKEW_TOLERANCE: Final = 1e-6


class FeatureTruth(Protocol):
    """The feature store's word on what was known of entities at some time."""

    def rows(self, model: str, entities: list[str], as_of_us: NDArray[np.int64]) -> Array:
        """Features (n, d) in the order of the model's columns, NaN where unknown. Raises NotReady, NotFound."""
        ...


class StoredBook:
    """Evidence from a store. `registry` gives the references for drift, `truth` features to compare with."""

    def __init__(
        self,
        store: Store,
        *,
        read_at: Callable[[], datetime | None],
        registry: Shelf | None = None,
        truth: FeatureTruth | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._registry, self._truth = store, registry, truth
        self._read_at, self._now = read_at, now

    def read(self, wanted: Wanted) -> Evidence:
        """What is known now."""
        read_at = self._read_at()
        since, until = _micros(wanted.since), _micros(self._now() - timedelta(seconds=wanted.maturity_seconds))
        place = (wanted.model, wanted.candidate)
        counted = self._store.counted(*place, since, until, (wanted.feature_seconds or math.inf) * 1e6)
        told = self._store.entity_labels(wanted.model)
        about = self._store.about(*place, since, until) if len(told) else told
        labelled = with_entities(self._store.labelled(*place, since, until), about, told)
        brier, bins = own(labelled)
        return Evidence(
            read_at=read_at,
            answers=counted["rows"] - counted["abstained"],
            labelled=len(labelled),
            unusable=counted["unusable"],
            abstained=counted["abstained"],
            brier=brier,
            bins=bins,
            pairs=self._pairs(wanted, told, since, until) if wanted.stable else None,
            drift=self._drift(wanted, since),
            fresh=Fresh(
                known=counted["known"],
                stale=counted["stale"],
                newest_answer=_time(counted["newest"]),
                newest_label=_time(self._store.newest_label(wanted.model)),
            ),
            skew=self._skew(wanted, since),
        )

    def _pairs(self, wanted: Wanted, told: pd.DataFrame, since: int, until: int) -> Paired:
        assert wanted.stable is not None
        place = (wanted.model, wanted.candidate, wanted.stable, since, until)
        about = self._store.pairs_about(*place) if len(told) else told
        known = with_entities(self._store.labelled_pairs(*place), about, told)
        return paired(self._store.count_pairs(*place), known, wanted.decision)

    def _drift(self, wanted: Wanted, since: int) -> Drifted:
        manifest, problem = self._manifest(wanted)
        if manifest is None:
            return Drifted(problem=problem)
        columns = judged_columns(manifest)
        if not columns:
            return Drifted(problem=f"the bundle of version {wanted.candidate} holds no reference of its inputs")
        limit = rows_to_judge(self._store.count_inputs(wanted.model, wanted.candidate, since))
        rows, _ = self._inputs(wanted, manifest, since, limit)
        return drifted(manifest, columns, rows)

    def _skew(self, wanted: Wanted, since: int) -> Skewed:
        if self._truth is None:
            return Skewed(problem="no feature store is set up to compare with")
        manifest, problem = self._manifest(wanted)
        if manifest is None:
            return Skewed(problem=problem)
        served, about = self._inputs(wanted, manifest, since, SKEW_ROWS)
        kept = (about["entity"].notna() & about["as_of_us"].notna()).to_numpy(bool)
        served, about = served[kept], about[kept]
        if not len(served):
            return Skewed()
        try:
            stored = self._truth.rows(wanted.model, list(about["entity"]), about["as_of_us"].to_numpy(np.int64))
        except (NotReady, NotFound) as error:
            return Skewed(problem=str(error))
        return _compared(manifest, served, stored)

    def _inputs(self, wanted: Wanted, manifest: Manifest, since: int, limit: int) -> tuple[Array, pd.DataFrame]:
        """Rows (n, d) that have the bundle's columns, and whom they are about."""
        found = self._store.inputs(wanted.model, wanted.candidate, since, limit)
        fits = np.array([len(row) == len(manifest.columns) for row in found["features"]], dtype=bool)
        found = found[fits]
        rows = np.stack(list(found["features"])) if len(found) else np.empty((0, len(manifest.columns)))
        return rows, found

    def _manifest(self, wanted: Wanted) -> tuple[Manifest | None, str]:
        if self._registry is None:
            return None, "no registry is set up for the evidence service"
        try:
            return self._registry.registered(wanted.model, wanted.candidate).manifest, ""
        except (NotReady, NotFound) as error:
            return None, str(error)


def _compared(manifest: Manifest, served: Array, stored: Array) -> Skewed:
    """Values that differ: by more than a millionth, relative or absolute, or missing on one side only."""
    known = ~np.isnan(stored).all(axis=1)  # an entity that the feature store does not know says nothing
    served, stored = served[known], stored[known]
    if not len(served):
        return Skewed(problem="the feature store knows none of the entities that were asked about")
    wrong = ~np.isclose(served, stored, rtol=SKEW_TOLERANCE, atol=SKEW_TOLERANCE, equal_nan=True)
    by_column = wrong.sum(axis=0)
    worst = manifest.columns[int(by_column.argmax())] if wrong.any() else ""
    return Skewed(rows=len(served), values=int(wrong.size), differing=int(wrong.sum()), worst=worst)


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _time(micros: int | None) -> datetime | None:
    return datetime.fromtimestamp(micros / 1e6, UTC) if micros is not None else None
