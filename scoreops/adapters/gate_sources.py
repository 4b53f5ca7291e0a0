"""The registry and a candidate's own server, as gates ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np

from scoreops.adapters.predictor import PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.core.bundle import Manifest, unpack
from scoreops.core.gates.ports import Registered

EVALUATED_ROWS: Final = "evaluated_rows"
"""Metric of a version: how many rows its other metrics were measured on."""
_KEPT: Final = 64


class RegistryShelf:
    """Versions of a registry; a version never changes, so each is fetched once."""

    def __init__(self, registry: Registry) -> None:
        self._fetch = lru_cache(_KEPT)(registry.fetch)

    def registered(self, model: str, version: str) -> Registered:
        """One version. Raises NotReady when MLflow is away, NotFound, BadInput when its bytes are not as registered."""
        found, files = self._fetch(model, version)
        rows = int(found.metrics.get(EVALUATED_ROWS, 0))
        return Registered(unpack(files), found.digest, found.metrics, rows)


class PredictorServers:
    """Asks the server of one version by its own address, which `url_of` gives for a model and a version."""

    def __init__(self, url_of: Callable[[str, str], str], *, timeout_s: float = 10.0, api_key: str = "") -> None:
        self._url_of, self._timeout_s, self._api_key = url_of, timeout_s, api_key
        self._clients: dict[str, PredictorClient] = {}

    def served(self, model: str, version: str) -> Mapping[str, str]:
        """Properties of the version as served. Raises NotReady, NotFound."""
        properties: Mapping[str, str] = self._client(model, version).metadata(model, version)["properties"]
        return properties

    def golden(self, model: str, version: str, manifest: Manifest) -> Mapping[str, Any]:
        """Answers to the golden request of `manifest`. Raises NotReady, NotFound, BadInput."""
        specs = {spec.name: spec for spec in manifest.inputs}
        said = {"schema_hash": manifest.schema_hash} if manifest.columns else {}
        checked = "features" if "features" in specs or not specs else next(iter(specs))
        inputs = [
            {
                "name": name,
                "datatype": specs[name].datatype if name in specs else "FP64",
                "shape": np.shape(np.array(values, dtype=object)),
                "data": values,
                "parameters": said if name == checked else {},
            }
            for name, values in manifest.golden.inputs.items()
        ]
        return self._client(model, version).golden(model, version, inputs, list(manifest.golden.outputs))

    def _client(self, model: str, version: str) -> PredictorClient:
        url = self._url_of(model, version)
        if url not in self._clients:
            self._clients[url] = PredictorClient(url, timeout_s=self._timeout_s, api_key=self._api_key)
        return self._clients[url]
