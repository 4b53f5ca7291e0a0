"""The branches that fusion joins: the newest answer of each, and how old it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feature_repo.comments import comments_before
from feature_repo.lake_writer import open_lake
from feature_repo.views import JOIN_KEY, PROJECT, ROLLING_VIEW, SERVICES, VIEWS
from scoreops.adapters.online_store import Features, OnlineStore, connect
from scoreops.adapters.predictor import Prediction, PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.catalog import score as catalogued
from scoreops.core.errors import NotFound
from scoreops.kol.fusion import FusionRevision
from scoreops.kol.fusion_score import REVISION_FILE

Array = NDArray[np.float64]
Times = NDArray[np.int64]

_MOOD: Final = tuple(f"{ROLLING_VIEW.name}:{side}_share_60m" for side in ("positive", "negative"))


@dataclass(frozen=True)
class Branch:
    """One branch's newest answer for n KOLs: outputs by name (n, ...), when its features stood, who answered."""

    outputs: Mapping[str, NDArray[Any]]
    times: Times
    version: str

    def age(self, at_us: int) -> Array:
        """(n,) minutes; NaN where there is no answer."""
        known: Array = np.where(self.times > 0, (at_us - self.times) / 60_000_000, np.nan)
        return known


@dataclass
class _Kept:
    version: str = ""
    kols: tuple[str, ...] = ()
    times: Times = field(default_factory=lambda: np.empty(0, np.int64))
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
        refs = [ref for ref in SERVICES[name] if ref.partition(":")[0] in _HOURLY]
        found = self._read(refs, kols, at_us)
        times = found.event_time
        champion = self.champion(name)
        kept = self._kept.setdefault(name, _Kept())
        same = kept.version == champion and kept.kols == tuple(kols) and np.array_equal(kept.times, times)
        if not same or kept.prediction is None:
            texts: dict[str, list[str]] = {}
            if name == "trust":
                comments = comments_before(self._lake, kols, np.where(times > 0, times, at_us))
                texts = {"comments": [json.dumps(c, ensure_ascii=False) for c in comments], "platforms": [*platforms]}
            features = _ordered(name, found)
            schema = catalogued(name).schema
            prediction = self._client.infer(name, features, schema.columns, texts=texts, version=champion)
            self._kept[name] = kept = _Kept(champion, tuple(kols), times, prediction)
        assert kept.prediction is not None
        return Branch(kept.prediction.outputs, times, kept.prediction.version)

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


_HOURLY: Final = {name for name, view in VIEWS.items() if view.compute is not None}


def _ordered(name: str, found: Features) -> Array:
    """Columns in the order of the score's schema; one that no view writes online is NaN."""
    columns = catalogued(name).schema.columns
    places = {ref.partition(":")[2]: i for i, ref in enumerate(found.names)}
    made = np.full((len(found.values), len(columns)), np.nan)
    for i, column in enumerate(columns):
        if column in places:
            made[:, i] = found.values[:, places[column]]
    return made
