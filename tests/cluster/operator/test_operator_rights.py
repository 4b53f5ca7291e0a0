"""The operator's account may do what it does, and does all that it may; a namespace ends at its own border."""

from __future__ import annotations

import pytest

from cluster import kubeconfig
from cluster.apiserver import OPERATOR
from cluster.kube import kubectl
from operators.build import install
from operators.build.names import FUSIONS, GATE_RUNS, MODEL_ROLLOUTS, ROLLOUT_ACTIONS
from scoreops.adapters.kube import connect
from scoreops.core.errors import Refused
from tests.cluster.clusters import audited
from tests.cluster.operator.rollouts import NAME, eventually
from tests.cluster.operator.test_operator_fusion import FUSED, backends, fused, register, status  # noqa: F401
from tests.cluster.operator.test_operator_kinds import ACTION, RUN

MANY = 45
ASKED_BY_ADMISSION = ("scoreops.io", "modelrollouts", "rollback")
ANYBODY = {"authentication.k8s.io"}
"""Groups of what every account may ask about itself."""


def granted():
    rules = [rule for body in install.rbac() for rule in body.get("rules", ())]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(place, namespace):
    """What the account did there, and what of it was refused. A server-side apply that makes an object is a create too.

    Elsewhere it is refused what nobody may do: to make objects in a namespace that ends.
    """
    done, refused = set(), set()
    for entry in audited(place):
        ref = entry.get("objectRef", {})
        here = "resource" in ref and ref.get("namespace", namespace) == namespace
        if entry["user"]["username"] != OPERATOR or not here or ref.get("apiGroup") in ANYBODY:
            continue
        resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
        code = entry.get("responseStatus", {}).get("code", 200)
        kind = (ref.get("apiGroup", ""), resource)
        verbs = {entry["verb"]} | ({"create"} if entry["verb"] == "patch" and code == 201 else set())
        (refused if code == 403 else done).update((*kind, verb) for verb in verbs)
    return done, refused


def live_through_everything(rollouts, models):
    """Forth, back as one, a candidate that never turns ready, old evidence, and the end."""
    first = status(rollouts)["revision"]["id"]
    for number in range(MANY):
        run = RUN | {"id": f"0-0-guard-{number}", "at": f"2020-01-01T00:00:{number:02}Z"}
        rollouts.kube.create(GATE_RUNS, rollouts.body(GATE_RUNS, f"old-{number}", run))
    register(rollouts, models[NAME], 2.0)
    eventually(lambda: status(rollouts)["line"].startswith("trust v2"), 120)
    rollouts.kube.merge(FUSIONS, rollouts.namespace, FUSED, {"spec": {"rollbackTo": first}})
    rollouts.reach("RolledBack")
    eventually(lambda: backends(rollouts)[1] == "trust-v1-predictor")
    rollouts.kube.merge(FUSIONS, rollouts.namespace, FUSED, {"spec": {"rollbackTo": None}})
    rollouts.stage.broken.add((rollouts.namespace, "3"))
    register(rollouts, models[NAME], 3.0)
    rollouts.reach("Deploying")
    rollouts.ask("Abort")
    rollouts.reach("RolledBack")
    eventually(lambda: rollouts.services == ["trust-v1"], 120)
    rollouts.kube.delete(MODEL_ROLLOUTS, rollouts.namespace, NAME, rollouts.get()["metadata"]["uid"])
    eventually(lambda: rollouts.get() is None)


def test_every_right_is_used_and_nothing_is_refused(place, rollouts, fused):  # noqa: F811
    live_through_everything(rollouts, fused)
    done, refused = asked(place, rollouts.namespace)
    assert not refused
    assert done <= granted()
    assert granted() - done == {ASKED_BY_ADMISSION}


def test_a_namespace_ends_at_its_border(place, make_rollouts):
    """Ann may do everything with rollouts, in one of two namespaces that hold rollouts of one name."""
    ours, theirs = make_rollouts(), make_rollouts()
    binding = ("rolebinding", "ann", "--clusterrole=scoreops-edit", "--user=ann", "-n", ours.namespace)
    kubectl(place, "create", *binding)
    ann = connect(str(kubeconfig.of_user(place, "ann", ())))
    theirs.register()
    theirs.make()
    theirs.operate(watch=f"{ours.namespace},{theirs.namespace}")
    theirs.reach("Completed")
    before = theirs.get()
    with pytest.raises(Refused):
        ann.create(ROLLOUT_ACTIONS, theirs.body(ROLLOUT_ACTIONS, "word", ACTION | {"by": "ann"}))
    with pytest.raises(Refused):
        ann.get(MODEL_ROLLOUTS, theirs.namespace, NAME)
    assert ann.create(ROLLOUT_ACTIONS, ours.body(ROLLOUT_ACTIONS, "word", ACTION | {"by": "ann"}))
    ours.make()
    assert eventually(lambda: ours.answer("word"))["accepted"] is False
    assert theirs.get()["status"]["phase"] == before["status"]["phase"]
    assert theirs.weights == {"1": 100}
