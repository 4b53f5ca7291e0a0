"""A thousand rollouts at rest cost little, and do not keep one that fails from being taken back."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import psutil
import pytest

from cluster.apiserver import OPERATOR
from operators.build.names import MODEL_ROLLOUTS
from tests.cluster.clusters import audited
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


def calls(place, since):
    """Requests of the operator since a moment, by verb."""
    mine = (one for one in audited(place) if one["user"]["username"] == OPERATOR)
    return Counter(one["verb"] for one in mine if one["requestReceivedTimestamp"] >= since)


def cost(process, place):
    """Share of a core, MB and requests of the operator while nothing happens."""
    busy, since, began = sum(process.cpu_times()[:2]), datetime.now(UTC).isoformat(), time.monotonic()
    eventually(lambda: time.monotonic() - began > WATCHED_S, 2 * WATCHED_S)
    core = (sum(process.cpu_times()[:2]) - busy) / (time.monotonic() - began)
    return core, process.memory_info().rss >> 20, calls(place, since)


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
        core, size, asked = cost(process, place)
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
