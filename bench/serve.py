"""One XGBoost model behind our server, KServe's Python SDK server and MLServer: highest rate, latencies, CPU, memory.

Every server has core 0 to itself and is asked from core 1, the same questions byte for byte, in rounds (A B C, A B C)
so that drift hits all alike; figures are medians of the rounds. Ours has everything on that is on by default, and the
inference log to a real Kafka, which also runs on core 1; the others log nothing at all. Before the clock starts each
answer is compared with the booster's own. Only successes count; failures are shown where there are any.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import httpx
import numpy as np

from bench import _load, _trees
from bench._questions import BINARY, DOORS, GRPC, PATH, ask, protoset, question
from bench.rivals import booster, servers
from bench.rivals.servers import HOST, Server
from scoreops.adapters.kafka import ensure_topics
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Refused, Unsupported
from scoreops.kol.events import INFERENCE_TOPIC
from scoreops.local.runtime import running, up

SERVERS_CORE: Final = 0
LOAD_CORE: Final = 1
ROWS: Final = (1, 100)
ABSENT: Final = {("mlserver", BINARY)}
"""Doors that a server does not have."""
THEIRS: Final = ("kserve", "mlserver")
ROUNDS: Final = 3
BEST_S: Final = 1.6
"""Seconds of one closed loop: about five in all rounds together."""
PACED_S: Final = 1.6
WARM_S: Final = 0.5
PACE: Final = 300
"""Questions a second at which latencies are compared, or `SHARE` of the slowest server's best where that is less."""
SHARE: Final = 0.6
SETTLE_S: Final = 20
_LOGGED: Final = 'predictor_inference_log_total{{stage="{}"}}'
TOLERANCE: Final = 1e-6
_PORTS: Final = 500


class Run(NamedTuple):
    """One run against one server; `cpu_us` is the server's CPU time for each answer."""

    load: _load.Load
    cpu_us: float


_Runs = Mapping[str, list[Run]]


class Cell(NamedTuple):
    """What is asked: so many rows through this door."""

    rows: int
    door: str

    def __str__(self) -> str:
        return f"{self.rows} row{'s' if self.rows > 1 else ''}, {self.door}"


class Bench:
    """The servers, the load generators, and a folder for files."""

    def __init__(self, fleet: Sequence[Server], tools: Mapping[str, Path], work: Path) -> None:
        self.fleet = fleet
        self._tools = tools
        self._work = work
        self._booster = booster.train()

    def answering(self, cell: Cell) -> list[Server]:
        """The servers that have this door. Raises Refused when an answer is not the booster's."""
        rows = booster.rows(cell.rows)
        wanted = booster.probabilities(self._booster, rows)
        found = [server for server in self.fleet if (server.name, cell.door) not in ABSENT]
        for server in found:
            got = ask(server, cell.door, rows)
            if got.size != wanted.size or np.abs(got.ravel() - wanted).max() > TOLERANCE:
                raise Refused(f"{server.name} answers {got} to {cell}, the booster {wanted}")
        return found

    def run(self, server: Server, cell: Cell, seconds: float, rate: int = 0) -> Run:
        """One run; `rate` 0 is the closed loop."""
        asked = question(cell.door, booster.rows(cell.rows))
        before = _cpu_s(server)
        if cell.door == GRPC:
            address = f"{HOST}:{server.grpc}"
            load = _load.grpc(self._tools["ghz"], self._work, address, protoset(), asked.body, seconds, rate)
        else:
            url = server.url + PATH
            load = _load.http(self._tools["vegeta"], self._work, url, asked.headers, asked.body, seconds, rate)
        return Run(load, (_cpu_s(server) - before) / load.answers * 1e6)

    def rounds(self, among: Sequence[Server], cell: Cell, seconds: float, rate: int = 0) -> dict[str, list[Run]]:
        """`ROUNDS` runs of each server, one server after the other."""
        made: dict[str, list[Run]] = {server.name: [] for server in among}
        for _ in range(ROUNDS):
            for server in among:
                made[server.name].append(self.run(server, cell, seconds, rate))
        return made


def main() -> Mapping[str, object]:
    """Requests a second, latencies at an equal rate, CPU of each answer, and ratios, for each form of question."""
    if len(os.sched_getaffinity(0)) < 2:
        raise Unsupported("this needs two cores: one for the servers, one for the load")
    tools = _load.build()
    given = Settings()
    home = Path(tempfile.mkdtemp(prefix="scoreops-bench-"))
    settings = given.model_copy(update={"home": home, "port_base": given.port_base + _PORTS})
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})  # inherited by Kafka and the load generators
    try:
        with running(settings, ("kafka",)):
            ensure_topics(settings.kafka_bootstrap, [INFERENCE_TOPIC])
            made = _all(settings, tools)
    finally:
        os.sched_setaffinity(0, allowed)
        shutil.rmtree(home, ignore_errors=True)
    return made


def _all(settings: Settings, tools: Mapping[str, Path]) -> dict[str, object]:
    made: dict[str, object] = {}
    with _fleet(settings) as fleet:
        bench = Bench(fleet, tools, settings.root)
        for rows in ROWS:
            for door in DOORS:
                made |= _measure(bench, Cell(rows, door))
        made["rss_mb"] = {server.name: round(_process(server).memory_info().rss / 2**20) for server in fleet}
        made["inference_log"] = _log_counts(fleet[0])
    return made | _floors(settings, tools)


def _floors(settings: Settings, tools: Mapping[str, Path]) -> dict[str, object]:
    """What no server can undercut: the empty call of grpcio, and the trees."""
    kinds = (("aio", 1), ("sync", 1), ("sync", 4))
    fleet = [
        servers.empty(settings.root, settings.port_base + 10 + n, *kind, core=SERVERS_CORE)
        for n, kind in enumerate(kinds)
    ]
    bench = Bench(fleet, tools, settings.root)
    try:
        up([server.service for server in fleet])
        found = bench.rounds(fleet, Cell(1, GRPC), BEST_S)
    finally:
        for server in fleet:
            server.service.stop()
    calls = {name: median(run.cpu_us for run in runs) for name, runs in found.items()}
    bundle = settings.root / "bundles" / servers.MODEL / "1"
    trees = _trees.microseconds(settings.root / "booster" / "model.json", bundle, max(ROWS))
    return {"floor: a gRPC call, us": _whole(calls), f"floor: the trees of {max(ROWS)} rows, us": _whole(trees)}


@contextmanager
def _fleet(settings: Settings) -> Iterator[Sequence[Server]]:
    """Ours with and without the log, KServe's and MLServer, ready."""
    ports = [(settings.port_base + 2 * n, settings.port_base + 2 * n + 1) for n in range(4)]
    home = settings.root
    model_file = booster.save(booster.train(), home / "booster")
    bundles = servers.bundles(home, model_file, columns=booster.COLUMNS)
    fleet = [
        servers.ours(home, bundles, ports[0], kafka=settings.kafka_bootstrap, core=SERVERS_CORE),
        servers.ours(home, bundles, ports[1], core=SERVERS_CORE, name="ours_without_log"),
        servers.kserve(home, model_file, ports[2], quiet=True, core=SERVERS_CORE),
        servers.mlserver(home, model_file, ports[3], quiet=True, core=SERVERS_CORE),
    ]
    try:
        up([server.service for server in fleet])
        yield fleet
    finally:
        for server in fleet:
            server.service.stop()


def _measure(bench: Bench, cell: Cell) -> dict[str, object]:
    among = bench.answering(cell)
    for server in among:
        bench.run(server, cell, WARM_S)
    best = bench.rounds(among, cell, BEST_S)
    per_s = {name: median(run.load.per_s for run in runs) for name, runs in best.items()}
    rate = round(min(PACE, SHARE * min(per_s.values())))
    paced = bench.rounds(among, cell, PACED_S, rate)
    return {f"{cell}: {what}": found for what, found in _figures(per_s, best, paced, rate).items() if found}


def _figures(per_s: Mapping[str, float], best: _Runs, paced: _Runs, rate: int) -> dict[str, object]:
    """The figures of one cell by what they are. A server that is not busy in the closed loop waited for the load."""
    late = {
        name: [round(median(getattr(run.load, f"p{q}_ms") for run in runs), 2) for q in (50, 99)]
        for name, runs in paced.items()
    }
    cpu = {name: median(run.cpu_us for run in runs) for name, runs in best.items()}
    failed = {name: sum(run.load.failed for run in best[name] + paced[name]) for name in best}
    return {
        "requests/s": _whole(per_s) | _ratios(per_s),
        "server busy, %": _whole({name: per_s[name] * cpu[name] / 1e4 for name in cpu}),
        "server's CPU, us/request": _whole(cpu) | _ratios({name: 1 / us for name, us in cpu.items()}),
        f"p50, p99 ms at {rate}/s": late,
        "failed": failed if any(failed.values()) else {},
    }


def _whole(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value) for name, value in values.items()}


def _ratios(values: Mapping[str, float]) -> dict[str, float]:
    """How many times better ours is, where more is better."""
    return {f"ours/{name}": round(values["ours"] / values[name], 1) for name in THEIRS if name in values}


def _process(server: Server) -> Any:
    process = server.service.process()
    if process is None:
        raise Refused(f"{server.name} is gone: {server.service.tail()}")
    return process


def _log_counts(server: Server) -> dict[str, int]:
    """Answers for the inference log of `server`: in, sent, dropped, once all that came in is one or the other."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        counts = {
            stage: round(sum(float(line.split()[-1]) for line in lines if line.startswith(_LOGGED.format(stage))))
            for stage in ("in", "sent", "dropped")
        }
        if counts["in"] == counts["sent"] + counts["dropped"] or time.monotonic() > deadline:
            return counts
        time.sleep(0.1)


def _cpu_s(server: Server) -> float:
    used = _process(server).cpu_times()
    return float(used.user + used.system)
