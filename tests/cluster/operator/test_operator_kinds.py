"""What the API server takes of the five kinds, and what it refuses with which words."""

from __future__ import annotations

import copy

import pytest

from cluster import kubeconfig
from cluster.kube import kubectl
from operators.build.names import FUSIONS, GATE_RUNS, GATE_TEMPLATES, MODEL_ROLLOUTS, ROLLOUT_ACTIONS
from scoreops.adapters.kube import connect
from scoreops.core.errors import BadInput, Refused
from tests.cluster.operator.rollouts import SPEC

ROLLOUT = SPEC | {"source": {"mlflow": {"model": "m", "alias": "candidate"}}}
STEP = {"weight": 10, "gates": [{"name": "quality"}]}
RUN = {
    "rollout": "trust",
    "attempt": "1-1",
    "id": "1-1-guard-1",
    "stage": "guard",
    "at": "2026-01-01T00:00:00Z",
    "candidate": "2",
    "verdicts": [{"gate": "slo", "outcome": "Pass", "n": 3, "need": 3}],
}
ACTION = {"rollout": "trust", "verb": "Rollback", "by": "admin", "reason": "it is Friday"}
FUSION = {
    "source": {"mlflow": {"model": "fusion", "alias": "candidate"}},
    "members": [{"name": "trust", "rollout": "trust"}, {"name": "success", "rollout": "success"}],
}
REFUSED = {
    "weights fall": (MODEL_ROLLOUTS, ROLLOUT | {"steps": [STEP | {"weight": 50}, STEP, {"weight": 100}]}, "must rise"),
    "weights repeat": (MODEL_ROLLOUTS, ROLLOUT | {"steps": [STEP, STEP, {"weight": 100}]}, "must rise"),
    "the last is not 100": (MODEL_ROLLOUTS, ROLLOUT | {"steps": [STEP]}, "the last weight must be 100"),
    "the last has a soak": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"steps": [STEP, {"weight": 100, "soakSeconds": 5}]},
        "bake judges it",
    ),
    "a step without a gate": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"guards": [], "steps": [{"weight": 10}, {"weight": 100}]},
        "needs a gate that is enforced",
    ),
    "only a dry run": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"guards": [{"name": "slo", "mode": "DryRun"}], "steps": [{"weight": 10}, {"weight": 100}]},
        "needs a gate that is enforced",
    ),
    "a shadow that nobody judges": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"shadow": {"gates": [{"name": "paired", "mode": "DryRun"}]}},
        "shadow needs a gate",
    ),
    "alias and version": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"source": {"mlflow": {"model": "m", "alias": "a", "version": "1"}}},
        "either an alias or a version",
    ),
    "neither alias nor version": (
        MODEL_ROLLOUTS,
        ROLLOUT | {"source": {"mlflow": {"model": "m"}}},
        "either an alias or a version",
    ),
    "a weight of 0": (MODEL_ROLLOUTS, ROLLOUT | {"steps": [STEP | {"weight": 0}, {"weight": 100}]}, "greater than"),
    "two kinds of check": (GATE_TEMPLATES, {"slo": {}, "trafficMin": {"requests": 5}}, "exactly one kind"),
    "no check": (GATE_TEMPLATES, {}, "exactly one kind"),
    "an action without a reason": (ROLLOUT_ACTIONS, ACTION | {"reason": ""}, "at least 1"),
    "a verb that is none": (ROLLOUT_ACTIONS, ACTION | {"verb": "Explode"}, "Unsupported value"),
    "a member twice": (FUSIONS, FUSION | {"members": [FUSION["members"][0]] * 2}, "must differ"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(rollouts, case):
    resource, spec, said = REFUSED[case]
    with pytest.raises((BadInput, Refused), match=said):
        rollouts.kube.create(resource, rollouts.body(resource, "wrong", spec))


@pytest.mark.parametrize(
    ("resource", "spec"),
    [
        pytest.param(MODEL_ROLLOUTS, ROLLOUT, id="ModelRollout"),
        pytest.param(GATE_TEMPLATES, {"slo": {"margin": 0.01}}, id="GateTemplate"),
        pytest.param(GATE_RUNS, RUN, id="GateRun"),
        pytest.param(ROLLOUT_ACTIONS, ACTION, id="RolloutAction"),
        pytest.param(FUSIONS, FUSION, id="Fusion"),
    ],
)
def test_what_makes_sense_is_taken(rollouts, resource, spec):
    assert rollouts.kube.create(resource, rollouts.body(resource, "right", spec))


def test_a_field_that_is_none_is_dropped_or_refused(place, rollouts):
    body = rollouts.body(MODEL_ROLLOUTS, "typo", ROLLOUT | {"stepz": []})
    rollouts.kube.create(MODEL_ROLLOUTS, body)
    assert "stepz" not in rollouts.get("typo")["spec"]


@pytest.mark.parametrize(
    ("resource", "spec", "changed"),
    [
        pytest.param(GATE_RUNS, RUN, {"verdicts": []}, id="evidence"),
        pytest.param(ROLLOUT_ACTIONS, ACTION, {"verb": "Promote"}, id="an action"),
        pytest.param(MODEL_ROLLOUTS, ROLLOUT, {"source": {"mlflow": {"model": "other"}}}, id="the model of a rollout"),
    ],
)
def test_what_was_said_stays_said(rollouts, resource, spec, changed):
    rollouts.kube.create(resource, rollouts.body(resource, "said", spec))
    with pytest.raises(BadInput):
        rollouts.kube.merge(resource, rollouts.namespace, "said", {"spec": copy.deepcopy(changed)})


def test_kubectl_explains_and_lists(place, rollouts):
    rollouts.make()
    assert "Percent of the requests" in kubectl(place, "explain", "modelrollout.spec.steps.weight")
    listed = kubectl(place, "get", "mr", "-n", rollouts.namespace)
    assert listed.split()[:6] == ["NAME", "PHASE", "STEP", "TRAFFIC", "REASON", "MESSAGE"]
    assert "trust" in kubectl(place, "get", "scoreops", "-n", rollouts.namespace)


class TestPeople:
    """Ann may edit, Ben may approve; who says what is checked by admission."""

    @pytest.fixture
    def people(self, place, rollouts):
        for person, role in (("ann", "scoreops-edit"), ("ben", "scoreops-approve")):
            binding = ("rolebinding", person, f"--clusterrole={role}", f"--user={person}", "-n", rollouts.namespace)
            kubectl(place, "create", *binding)
        return {person: connect(str(kubeconfig.of_user(place, person, ["risk"]))) for person in ("ann", "ben")}

    @pytest.mark.parametrize(
        ("person", "spec", "refused"),
        [
            pytest.param("ann", {"verb": "Rollback"}, "", id="Ann takes back"),
            pytest.param("ann", {"verb": "Rollback", "groups": ["risk"]}, "", id="in the name of her group"),
            pytest.param("ben", {"verb": "Approve"}, "", id="Ben approves"),
            pytest.param("ann", {"verb": "Approve"}, "no right to the verb approve", id="Ann may not approve"),
            pytest.param("ben", {"verb": "Promote"}, "no right to the verb promote", id="Ben may not promote"),
            pytest.param("ann", {"verb": "Rollback", "by": "ben"}, "your own name", id="in another's name"),
            pytest.param("ben", {"verb": "Approve", "groups": ["board"]}, "groups that you are in", id="of no group"),
        ],
    )
    def test_a_verb_is_a_right(self, rollouts, people, person, spec, refused):
        body = rollouts.body(ROLLOUT_ACTIONS, "word", ACTION | {"by": person} | spec)
        if not refused:
            assert people[person].create(ROLLOUT_ACTIONS, body)
            return
        with pytest.raises((BadInput, Refused), match=refused):
            people[person].create(ROLLOUT_ACTIONS, body)

    def test_nobody_forges_evidence_or_answers(self, rollouts, people):
        with pytest.raises(Refused):
            people["ann"].create(GATE_RUNS, rollouts.body(GATE_RUNS, "forged", RUN))
        name = rollouts.ask("Rollback")
        said = {"status": {"accepted": True, "why": "forged", "at": "2026-01-01T00:00:00Z"}}
        with pytest.raises(Refused):
            people["ann"].merge(ROLLOUT_ACTIONS, rollouts.namespace, name, said, "status")
