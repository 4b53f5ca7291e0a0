"""The branches that fusion joins: the newest answer of each, and how old it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.comments import comments_before
from feature_repo.lake_writer import open_lake
from feature_repo.views import JOIN_KEY, LAG_VIEW, PROJECT, ROLLING_VIEW, SERVICES, VIEWS
from scoreops.adapters.online_store import EVENT_TIME, Features, OnlineStore, connect
from scoreops.adapters.predictor import Prediction, PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.catalog import score as catalogued
from scoreops.core.errors import NotFound
from scoreops.kol.fusion import FusionRevision
from scoreops.kol.fusion_score import REVISION_FILE
from scoreops.kol.success_features import COUPLING
from scoreops.kol.tiles import HOUR_US

Array = NDArray[np.float64]
Times = NDArray[np.int64]

_MOOD: Final = tuple(f"{ROLLING_VIEW.name}:{side}_share_60m" for side in ("positive", "negative"))


@dataclass(frozen=True)
class Branch:
    """One branch's newest answer for n KOLs.

    Attributes:
        features: (n, d) what was asked, in the order of the score's schema.
        outputs: by name, (n, ...).
        times: (n,) microseconds at which the features stood; 0 where there are none.
        version: which version answered.
        fresh: whether it was asked just now, and not taken from the answer before.
    """

    features: Array
    outputs: Mapping[str, NDArray[Any]]
    times: Times
    version: str
    fresh: bool

    def age(self, at_us: int) -> Array:
        """(n,) minutes; NaN where there is no answer."""
        known: Array = np.where(self.times > 0, (at_us - self.times) / 60_000_000, np.nan)
        return known


@dataclass
class _Kept:
    version: str = ""
    kols: tuple[str, ...] = ()
    times: Times = field(default_factory=lambda: np.empty(0, np.int64))
    features: Array = field(default_factory=lambda: np.empty((0, 0)))
    prediction: Prediction | None = None


class Branches:
    """Asks the prediction server again only when features, KOLs or the answering version changed."""

    def __init__(self, settings: Settings) -> None:
        self._store = OnlineStore(connect(settings.redis_url), JOIN_KEY, PROJECT)
        self._lake = open_lake(settings)
        self._client = PredictorClient(settings.predictor_url)
        self._kept: dict[str, _Kept] = {}
        self._registry = Registry(settings.mlflow_url)
        self._revision: tuple[str, FusionRevision | None] = ("", None)

    def ask(self, name: str, kols: Sequence[str], platforms: Sequence[str], at_us: int) -> Branch:
        """The answer of `name` on the newest hourly features at `at_us`."""
        found = self._read(SERVICES[name], kols, at_us)
        times = np.stack([found.times[view] for view in found.times if view != LAG_VIEW.name]).min(axis=0)
        champion = self.champion(name)
        kept = self._kept.setdefault(name, _Kept())
        same = kept.version == champion and kept.kols == tuple(kols) and np.array_equal(kept.times, times)
        if not same or kept.prediction is None:
            texts: dict[str, list[str]] = {}
            if name == "trust":
                self._carry_over(kept, times)
                comments = comments_before(self._lake, kols, np.where(times > 0, times, at_us))
                texts = {"comments": [json.dumps(c, ensure_ascii=False) for c in comments], "platforms": [*platforms]}
            schema = catalogued(name).schema
            about: dict[str, str | int | float | bool] = {
                "entity_ids": ",".join(kols),
                "as_of": int(times.max(initial=0)),
            }
            prediction = self._client.infer(
                name, found.values, schema.columns, texts=texts, version=champion, parameters=about
            )
            self._kept[name] = kept = _Kept(champion, tuple(kols), times, found.values, prediction)
        assert kept.prediction is not None
        return Branch(kept.features, kept.prediction.outputs, times, kept.prediction.version, fresh=not same)

    def _carry_over(self, kept: _Kept, times: Times) -> None:
        """Make the scores of the hour before what the forecast reads in the next, stamped as the view says."""
        if kept.prediction is None or not len(times) or times.max() <= kept.times.max():
            return
        known = kept.times > 0
        stamps = pa.array(kept.times[known] + HOUR_US).cast(pa.timestamp("us", "UTC"))
        scores = np.asarray(kept.prediction.outputs["score"], dtype=np.float64)[known]
        names = pa.array(np.array(kept.kols, dtype=object)[known], pa.string())
        self._store.write(LAG_VIEW.name, pa.table({JOIN_KEY: names, EVENT_TIME: stamps, COUPLING: pa.array(scores)}))

    def fuse(self, features: Array) -> Prediction:
        """The answer of the revision that `revision` gave last."""
        return self._client.infer("fusion", features, catalogued("fusion").schema.columns, version=self._revision[0])

    def revision(self) -> FusionRevision:
        """The champion of fusion, read from the registry when it changes."""
        champion = self.champion("fusion")
        if champion != self._revision[0]:
            files = self._registry.fetch("fusion", champion)[1]
            self._revision = (champion, FusionRevision.model_validate_json(files[REVISION_FILE]))
        assert self._revision[1] is not None
        return self._revision[1]

    def mood(self, kols: Sequence[str], at_us: int) -> Array:
        """(n,) share of positive minus share of negative comments in the last hour; NaN without comments."""
        values = self._read(_MOOD, kols, at_us).values
        return np.asarray(values[:, 0] - values[:, 1])

    def champion(self, name: str) -> str:
        """The version that answers now. Raises NotReady when there is none."""
        return self._client.champion(name)

    def _read(self, refs: Sequence[str], kols: Sequence[str], at_us: int) -> Features:
        views = {ref.partition(":")[0] for ref in refs}
        if not views:
            raise NotFound("no features are named")
        oldest = min(VIEWS[view].ttl for view in views)
        return self._store.read(refs, kols).standing(at_us, round(oldest.total_seconds() * 1_000_000))
