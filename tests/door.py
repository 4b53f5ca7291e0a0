"""A server of one model over any source, spoken to within the process."""

from __future__ import annotations

import asyncio

import httpx

from predictors.dataplane import DataPlane
from predictors.guard import Guard
from predictors.keeper import Keeper
from predictors.lineup import Lineups
from predictors.metrics import Metrics
from predictors.rest import Rest
from predictors.tracing import Tracing


class Door:
    """Asks `model` as a client would; `keeper.refresh` is a look at the source."""

    def __init__(self, source, model, score=None):
        self.model = model
        self.metrics = Metrics()
        lineups = Lineups([model])
        self.keeper = Keeper(source, {model: score}, lineups, self.metrics)
        self.plane = DataPlane(lineups, self.metrics)
        self._app = Rest(self.plane, self.metrics, "1", Guard("", "", None), Tracing(None))

    def refresh(self):
        return self.keeper.refresh(self.model)

    def ask(self, method, path, **given):
        async def answer():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://here") as client:
                return await client.request(method, path, **given)

        return asyncio.run(answer())

    @property
    def ready(self):
        return self.ask("GET", "/v2/health/ready").status_code == 200

    def infer(self, rows, columns="", version=""):
        """Answer to the input `features`."""
        tensor = {"name": "features", "datatype": "FP64", "shape": [len(rows), len(rows[0])], "data": rows}
        tensor["parameters"] = {"columns": columns} if columns else {}
        path = f"/v2/models/{self.model}" + (f"/versions/{version}" if version else "")
        return self.ask("POST", f"{path}/infer", json={"inputs": [tensor]})

    def loads(self, outcome):
        """How many bundles were loaded with this outcome, by version."""
        found = {}
        for metric in self.metrics.registry.collect():
            for sample in metric.samples:
                if sample.name == "predictor_model_loads_total" and sample.labels["outcome"] == outcome:
                    found[sample.labels["version"]] = sample.value
        return found

    def close(self):
        self.plane.close()
