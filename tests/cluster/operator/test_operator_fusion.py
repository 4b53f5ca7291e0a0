"""A fusion of two rollouts on a real API server: one revision, one member at a time, and back as one."""

from __future__ import annotations

import pytest

from operators.build.names import (
    DEPLOYMENTS,
    FUSIONS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    MODEL_ROLLOUTS,
    ROLLOUT,
    labels_of,
)
from tests.cluster.operator.rollouts import SPEC, eventually
from tests.tiny import tiny_bundle

MEMBERS = ("trust", "success")
FUSED = "joined"


@pytest.fixture
def fused(rollouts):
    """Two members and their fusion, of which every model has a version 1."""
    models = {name: f"{rollouts.namespace}-{name}" for name in (*MEMBERS, FUSED)}
    for model in models.values():
        register(rollouts, model)
    rollouts.make_gates()
    for name in MEMBERS:
        source = {"mlflow": {"model": models[name], "alias": "candidate"}}
        spec = SPEC | {"source": source, "rollbackWindowSeconds": 600}
        rollouts.kube.create(MODEL_ROLLOUTS, rollouts.body(MODEL_ROLLOUTS, name, spec))
    members = [{"name": name, "rollout": name} for name in MEMBERS]
    source = {"mlflow": {"model": models[FUSED], "alias": "candidate"}}
    rollouts.kube.create(FUSIONS, rollouts.body(FUSIONS, FUSED, {"source": source, "members": members}))
    rollouts.operate()
    eventually(lambda: status(rollouts).get("revision"))
    return models


def register(rollouts, model, weight=1.0):
    """The next version, which is the candidate then."""
    rollouts.registry.register(tiny_bundle((weight, 1.0, 1.0), name=model), metrics={}, verdicts=[])


def status(rollouts):
    return rollouts.kube.get(FUSIONS, rollouts.namespace, FUSED).get("status", {})


def backends(rollouts):
    route = rollouts.kube.get(HTTP_ROUTES, rollouts.namespace, f"{FUSED}-fusion")
    return [one["backendRefs"][0]["name"] for one in route["spec"]["rules"]]


def test_all_of_it_is_served_by_one_route_and_decided_by_one_process(rollouts, fused):
    assert backends(rollouts) == [f"{one}-predictor" for one in ("joined-f1", "trust-v1", "success-v1", "joined-f1")]
    assert status(rollouts)["line"] == "trust v1, success v1; fusion v1"
    body = rollouts.kube.get(DEPLOYMENTS, rollouts.namespace, f"{FUSED}-decider")
    assert body["spec"]["template"]["spec"]["containers"][0]["command"][:4] == ["python", "-m", "scoreops", "fuse"]


def test_members_move_one_at_a_time_and_go_back_as_one(rollouts, fused):
    first = status(rollouts)["revision"]["id"]
    for name in MEMBERS:
        register(rollouts, fused[name], 2.0)
    together = []

    def promoted():
        phases = [rollouts.get(name)["status"]["phase"] for name in MEMBERS]
        moving = [one for one in phases if one not in {"Idle", "Completed", "Resolving"}]
        together.append(len(moving))
        return status(rollouts)["line"] == "trust v2, success v2; fusion v1"

    eventually(promoted, 120)
    assert max(together) == 1
    change = {"spec": {"rollbackTo": first}}
    rollouts.kube.merge(FUSIONS, rollouts.namespace, FUSED, change)
    eventually(lambda: backends(rollouts)[1:3] == ["trust-v1-predictor", "success-v1-predictor"])
    for name in MEMBERS:
        eventually(lambda name=name: rollouts.get(name)["status"]["phase"] == "RolledBack")
    assert status(rollouts)["revision"]["id"] == first
    assert first not in {one["id"] for one in status(rollouts)["history"]}


def test_what_a_fusion_answers_with_is_not_touched_for_it(rollouts, fused):
    """KServe copies labels and annotations to pods, and a pod that changes is another pod."""
    register(rollouts, fused["trust"], 2.0)
    eventually(lambda: status(rollouts)["line"].startswith("trust v2"), 120)
    services = rollouts.kube.list(INFERENCE_SERVICES, rollouts.namespace, labels=ROLLOUT)
    assert {one["metadata"]["name"] for one in services} == {"trust-v1", "trust-v2", "success-v1"}
    for one in services:
        meta = one["metadata"]
        name, _, version = meta["name"].rpartition("-v")
        assert meta["generation"] == 1
        assert meta["labels"] == labels_of(name, fused[name], version)
