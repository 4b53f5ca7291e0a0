"""A thousand rollouts at rest cost little, and do not keep one that fails from being taken back."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from cluster.apiserver import OPERATOR
from operators.build.names import MODEL_ROLLOUTS
from tests.cluster.operator.rollouts import SLOW, eventually
from tests.cluster.operator.stage import TICK_S
from tests.cluster.operator.test_operator_fusion import register

COUNT = 1_000
WATCHED_S = 120.0
FIRST = {"guards": [{"name": "slo", "critical": True}], "steps": [{"weight": 100}]}
MOST_CORE, MOST_MB = 0.10, 400


def make_many(rollouts):
    model = f"{rollouts.namespace}-many"
    register(rollouts, model)
    source = {"mlflow": {"model": model, "alias": "candidate"}}
    for number in range(COUNT):
        body = rollouts.body(MODEL_ROLLOUTS, f"r{number:04}", FIRST | {"source": source})
        rollouts.kube.create(MODEL_ROLLOUTS, body)


def resting(rollouts):
    found = [one.get("status", {}) for one in rollouts.kube.list(MODEL_ROLLOUTS, rollouts.namespace)]
    rests = sum(one.get("phase") == "Completed" and not one.get("notices") for one in found)
    assert rests == COUNT + 1, f"{rests} rest"
    return True


def calls(log, since):
    """Requests of the operator from a place in the log on, by verb."""
    found = {}
    with log.open() as file:
        file.seek(since)
        for line in file:
            entry = json.loads(line)
            if entry["user"]["username"] == OPERATOR:
                found[entry["verb"]] = found.get(entry["verb"], 0) + 1
    return found


def cost(process, log):
    """Share of a core, MB and requests of the operator while nothing happens."""
    busy, since, began = sum(process.cpu_times()[:2]), log.stat().st_size, time.monotonic()
    eventually(lambda: time.monotonic() - began > WATCHED_S, 2 * WATCHED_S)
    core = (sum(process.cpu_times()[:2]) - busy) / (time.monotonic() - began)
    return core, process.memory_info().rss >> 20, calls(log, since)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_rest_and_one_fails(place, rollouts):
    rollouts.stage.tick_s = 5.0
    try:
        make_many(rollouts)
        rollouts.register()
        rollouts.make(**SLOW)
        process = psutil.Process(rollouts.operate().pid)
        eventually(lambda: resting(rollouts), 2400)
        core, size, asked = cost(process, place.logs / "audit.jsonl")
    finally:
        rollouts.stage.tick_s = TICK_S
    print(f"at rest: {core:.1%} of a core, {size} MB, requests in {WATCHED_S:.0f} s: {asked}")  # noqa: T201
    assert core < MOST_CORE
    assert size < MOST_MB
    rollouts.register()
    rollouts.reach("Soaking", within_s=180)
    eventually(lambda: rollouts.weights == {"1": 90, "2": 10})
    rollouts.gate("slo", 1)
    began = time.monotonic()
    eventually(lambda: rollouts.weights == {"1": 100}, 30)
    print(f"taken back after {time.monotonic() - began:.1f} s")  # noqa: T201 - figures for the report
    rollouts.reach("RolledBack")
