"""Rollouts that are deleted at some moment, alone or with all that is around them."""

from __future__ import annotations

import pytest

from operators.build.names import MODEL_ROLLOUTS
from tests.cluster.operator.rollouts import NAME, NAMESPACES, SLOW, eventually, first, soaking


@pytest.mark.parametrize("keep", [False, True], ids=["back to stable", "left as it is"])
def test_deletion_in_the_middle(rollouts, keep):
    soaking(rollouts, **({"deletion": "Keep"} if keep else {}))
    rollouts.kube.delete(MODEL_ROLLOUTS, rollouts.namespace, NAME, rollouts.get()["metadata"]["uid"])
    eventually(lambda: rollouts.get() is None)
    assert rollouts.weights == ({"1": 90, "2": 10} if keep else {"1": 100})
    assert rollouts.services == (["trust-v1", "trust-v2"] if keep else ["trust-v1"])


def test_a_namespace_that_is_deleted_takes_its_rollout_along(make_rollouts):
    """Nothing new can be made in it: no route back to stable, and no event that tells so."""
    rollouts, elsewhere = make_rollouts(), make_rollouts()
    rollouts.register()
    rollouts.make(**SLOW)
    elsewhere.operate(watch=rollouts.namespace)
    rollouts.reach("Completed")
    rollouts.register()
    rollouts.reach("Soaking")
    uid = rollouts.kube.get(NAMESPACES, None, rollouts.namespace)["metadata"]["uid"]
    rollouts.kube.delete(NAMESPACES, None, rollouts.namespace, uid)
    eventually(lambda: rollouts.kube.get(NAMESPACES, None, rollouts.namespace) is None, 60)


@pytest.mark.parametrize("phase", ["Idle", "Deploying", "Paused", "Completed", "RolledBack"])
def test_deletion_at_a_phase(rollouts, phase):
    rollouts.stage.broken |= {(rollouts.namespace, "2")} if phase == "Deploying" else set()
    if phase == "Idle":
        rollouts.make()
        rollouts.operate()
    else:
        first(rollouts, **(SLOW if phase != "Completed" else {}))
        if phase != "Completed":
            rollouts.register()
        if phase in {"Paused", "RolledBack"}:
            rollouts.reach("Soaking")
            rollouts.ask("Pause" if phase == "Paused" else "Rollback")
    rollouts.reach(phase)
    before = rollouts.weights
    rollouts.kube.delete(MODEL_ROLLOUTS, rollouts.namespace, NAME, rollouts.get()["metadata"]["uid"])
    eventually(lambda: rollouts.get() is None)
    assert rollouts.weights == ({"1": 100} if before else {})
