"""A thousand rollouts at rest cost little, and do not keep one that fails from being taken back."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psutil
import pytest

from cluster.apiserver import OPERATOR
from operators.build.names import HTTP_ROUTES, INFERENCE_SERVICES, MODEL_ROLLOUTS, ROLLOUT
from tests.cluster.clusters import audited
from tests.cluster.operator.rollouts import SLOW, eventually
from tests.cluster.operator.stage import TICK_S
from tests.cluster.operator.test_operator_fusion import register

COUNT = 1_000
TOGETHER = 8
WATCHED_S = 60.0
FIRST = "r0000"
OWN = (INFERENCE_SERVICES, HTTP_ROUTES)
SPEC = {"guards": [{"name": "slo", "critical": True}], "steps": [{"weight": 100}]}
MOST_CORE, MOST_MB = 0.10, 400


def make_many(rollouts):
    """One comes to rest by itself; all the others are stored as it left itself and what is its own."""
    model = f"{rollouts.namespace}-many"
    rollouts.make_gates()
    register(rollouts, model)
    source = {"mlflow": {"model": model, "alias": "candidate"}}
    kube, namespace = rollouts.kube, rollouts.namespace
    kube.create(MODEL_ROLLOUTS, rollouts.body(MODEL_ROLLOUTS, FIRST, SPEC | {"source": source}))
    operator = rollouts.operate()
    eventually(lambda: rests(rollouts.get(FIRST)), 60)
    rollouts.end(operator)
    left = {kind: kube.list(kind, namespace, labels=f"{ROLLOUT}={FIRST}") for kind in OWN}
    assert all(left.values())
    left[MODEL_ROLLOUTS] = [rollouts.get(FIRST)]

    def store(number):
        for kind, bodies in left.items():
            for body in bodies:
                copy(kube, kind, body, f"r{number:04}")

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(store, range(1, COUNT)))
    eventually(lambda: all("status" in one for one in kube.list(INFERENCE_SERVICES, namespace)), 120)


def copy(kube, kind, body, name):
    """Store `body` once more under another rollout's name; the status of a service is the stage's to tell."""
    kept = {
        key: body["metadata"][key] for key in ("name", "namespace", "labels", "finalizers") if key in body["metadata"]
    }
    kept["annotations"] = body["metadata"].get("annotations", {})
    other = json.loads(json.dumps(body | {"metadata": kept}).replace(FIRST, name))
    assert kube.create(kind, other)
    if kind is MODEL_ROLLOUTS:
        made = kube.get(kind, other["metadata"]["namespace"], other["metadata"]["name"])
        kube.replace(kind, made | {"status": other["status"]}, "status")


def rests(body):
    status = body.get("status", {})
    return status.get("phase") == "Completed" and not status.get("notices")


def resting(rollouts):
    found = sum(rests(one) for one in rollouts.kube.list(MODEL_ROLLOUTS, rollouts.namespace))
    assert found == COUNT + 1, f"{found} rest"
    return True


def calls(place, since):
    """Requests of the operator since a moment, by verb."""
    mine = (one for one in audited(place) if one["user"]["username"] == OPERATOR)
    return Counter(one["verb"] for one in mine if one["requestReceivedTimestamp"] >= since)


def settled(process):
    """It has looked at all that it found when it began."""
    assert (share := process.cpu_percent(2.0)) < 100 * MOST_CORE, f"it still takes {share:.0f} % of a core"
    return True


def cost(process, place):
    """Share of a core, MB and requests of the operator while nothing happens."""
    busy, since, began = sum(process.cpu_times()[:2]), datetime.now(UTC).isoformat(), time.monotonic()
    eventually(lambda: time.monotonic() - began > WATCHED_S, 2 * WATCHED_S)
    core = (sum(process.cpu_times()[:2]) - busy) / (time.monotonic() - began)
    return core, process.memory_info().rss >> 20, calls(place, since)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_rest_and_one_fails(place, rollouts):
    rollouts.stage.tick_s = 5.0
    try:
        make_many(rollouts)
        rollouts.register()
        rollouts.make(**SLOW)
        process = psutil.Process(rollouts.operate().pid)
        eventually(lambda: resting(rollouts), 300)
        eventually(lambda: settled(process), 120)
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
