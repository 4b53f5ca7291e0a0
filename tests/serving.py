"""A v2 server over a folder of bundles, spoken to within the process."""

from __future__ import annotations

import asyncio

import httpx

from predictors.admission import Limits
from predictors.dataplane import DataPlane
from predictors.guard import Guard
from predictors.keeper import Keeper
from predictors.lineup import Lineups
from predictors.metrics import Metrics
from predictors.rest import Rest
from predictors.sources import FolderSource
from predictors.splitting import Splits
from predictors.tracing import Tracing
from scoreops.adapters.bundles import write_folder
from scoreops.adapters.split_file import SplitFiles
from tests.tiny import JOINED, tiny_score

KEY = {"X-API-Key": "secret"}


SMALL = Limits(rows=5, body_bytes=2_000)


class Server:
    """A server of one model whose bundles lie in a folder."""

    def __init__(self, root, limits=SMALL, key="", witnesses=(), exporter=None):
        self.root = root
        self.metrics = Metrics()
        self.lineups = Lineups(["tiny"])
        self.files = SplitFiles(root / "splits")
        self.splits = Splits(self.lineups, self.metrics, self.files)
        held = lambda model: self.splits.of(model).versions  # noqa: E731 - as the server says it
        self.keeper = Keeper(FolderSource(root), {"tiny": tiny_score()}, self.lineups, self.metrics, held)
        made = [make(self) for make in witnesses]
        self.plane = DataPlane(self.lineups, self.metrics, made, limits, self.splits)
        self.guard = Guard(key, "secret", self.keeper)
        self.tracing = Tracing(exporter)
        self.app = Rest(self.plane, self.metrics, "1.2", self.guard, self.tracing)

    def put(self, version, files):
        write_folder(files, self.root / "tiny" / version)

    def ask(self, method, path, **given):
        async def answer():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://here") as client:
                return await client.request(method, path, **given)

        return asyncio.run(answer())

    def infer(self, rows=((1, 2, 3),), path="/v2/models/tiny/infer", parameters=None, asked=None, **more):
        shape = [len(rows), len(rows[0]) if rows else 3]
        tensor = {"name": "features", "datatype": "FP64", "shape": shape, "data": rows}
        tensor["parameters"] = {"columns": JOINED} if parameters is None else parameters
        return self.ask("POST", path, json={"inputs": [tensor], "parameters": asked or {}, **more})

    def score(self, path="/v2/models/tiny/infer"):
        answer = self.infer(path=path)
        return answer.json()["outputs"][0]["data"] if answer.status_code == 200 else answer.json()["error"]
