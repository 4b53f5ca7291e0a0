"""Rollouts from their first version on, on a real API server, and what people and others do to them meanwhile."""

from __future__ import annotations

import socket
import time

import pytest

from operators.build.names import HTTP_ROUTES, MODEL_ROLLOUTS
from scoreops.adapters.kube import MANAGER, Resource
from tests.cluster.operator.rollouts import NAME, SPEC, eventually, first, soaking

_ADMISSION = ("admissionregistration.k8s.io", "v1")
POLICIES = Resource(*_ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
BINDINGS = Resource(*_ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
APPROVAL = {"steps": [SPEC["steps"][0] | {"approval": True}, {"weight": 100}]}


@pytest.fixture
def mute():
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_the_first_version_takes_all_traffic(rollouts):
    first(rollouts)
    assert rollouts.weights == {"1": 100}
    assert rollouts.aliases()["champion"] == 1
    assert rollouts.services == ["trust-v1"]


def test_a_good_candidate_is_promoted(rollouts):
    first(rollouts)
    rollouts.register()
    rollouts.reach("Soaking", "Judging")
    assert rollouts.weights == {"1": 90, "2": 10}
    status = rollouts.reach("Completed")
    assert rollouts.weights == {"2": 100}
    aliases = rollouts.aliases()
    assert (aliases["champion"], aliases["previous"]) == (2, 1)
    eventually(lambda: rollouts.services == ["trust-v2"])
    assert {one["stage"] for one in status["evidence"]} == {"preflight", "step-0"}
    sources = {one["source"] for one in status["evidence"]}
    assert sources <= {run["id"] for run in rollouts.runs()}, "a Pass names its GateRun"
    eventually(lambda: not rollouts.status["notices"] if "notices" in rollouts.status else True)
    reasons = {reason for reason, _ in rollouts.events()}
    assert {"AttemptStarted", "WeightSet", "StepPassed", "Promoted", "Completed"} <= reasons
    conditions = {one["type"]: one["status"] for one in rollouts.status["conditions"]}
    assert {"Ready": "True", "SpecValid": "True", "Stalled": "False"}.items() <= conditions.items()


@pytest.mark.parametrize(
    ("gate", "phase"),
    [
        pytest.param("contract", "Rejected", id="before any traffic"),
        pytest.param("slo", "RolledBack", id="a critical guard"),
        pytest.param("quality", "RolledBack", id="the judgement of a step"),
    ],
)
def test_a_bad_candidate_goes_no_further(rollouts, gate, phase):
    first(rollouts)
    rollouts.register()
    rollouts.gate(gate, 1)
    status = rollouts.reach(phase)
    assert rollouts.weights == {"1": 100}
    assert status["history"][-1]["reason"] == "GateFailed"
    assert rollouts.aliases()["champion"] == 1
    eventually(lambda: rollouts.services == ["trust-v1"])


def test_numbers_that_are_away_hold_the_weight(rollouts):
    soaking(rollouts)
    rollouts.stage.metrics_up = False
    try:
        eventually(lambda: rollouts.status["reason"] == "GateUnknown")
        assert rollouts.weights == {"1": 90, "2": 10}
    finally:
        rollouts.stage.metrics_up = True
    eventually(lambda: rollouts.status["reason"] == "Waiting")


@pytest.mark.parametrize("away", ["refused", "mute"])
def test_a_rollback_needs_nobody_but_the_api_server(rollouts, mute, away):
    rollouts.end(soaking(rollouts))
    nobody = mute if away == "mute" else "http://127.0.0.1:9"
    rollouts.operate(mlflow=nobody, prometheus=nobody)
    eventually(lambda: rollouts.status["reason"] in {"GateUnknown", "RegistryDown"})
    began = time.monotonic()
    name = rollouts.ask("Rollback")
    eventually(lambda: rollouts.weights == {"1": 100}, 5.0)
    print(f"rollback took {time.monotonic() - began:.2f} s")  # noqa: T201 - a figure for the report
    eventually(lambda: (rollouts.answer(name) or {}).get("accepted"))
    rollouts.reach("RolledBack")


def test_what_is_asked_is_answered(rollouts):
    soaking(rollouts)
    paused = rollouts.ask("Pause")
    rollouts.reach("Paused")
    again = rollouts.ask("Approve")
    resumed = rollouts.ask("Resume")
    rollouts.reach("Soaking")
    rollouts.ask("SkipStep")
    rollouts.reach("Completed")
    answers = [eventually(lambda name=name: rollouts.answer(name)) for name in (paused, again, resumed)]
    assert [answer["accepted"] for answer in answers] == [True, False, True]
    assert answers[1]["why"] == "nothing waits for approval"


def test_a_name_that_is_used_again_is_another_action(rollouts):
    soaking(rollouts)
    for verb, phase in (("Pause", "Paused"), ("Resume", "Soaking")):
        rollouts.ask(verb, "word")
        rollouts.reach(phase)
        eventually(lambda: rollouts.answer("word"))
        body = rollouts.action("word")
        rollouts.kube.delete(rollouts.actions, rollouts.namespace, "word", body["metadata"]["uid"])


def test_a_person_must_approve(rollouts):
    first(rollouts, **APPROVAL)
    rollouts.register()
    assert rollouts.reach("Paused")["reason"] == "Approval"
    assert rollouts.weights == {"1": 90, "2": 10}
    rollouts.ask("Approve")
    rollouts.reach("Completed")


def test_a_newer_version_takes_over(rollouts):
    soaking(rollouts, supersede="Replace")
    rollouts.register()
    eventually(lambda: rollouts.status["attempt"]["candidate"]["version"] == "3")
    assert rollouts.status["history"][-1]["outcome"] == "Superseded"
    eventually(lambda: rollouts.weights == {"1": 90, "3": 10})


def test_a_candidate_that_dies_goes_back(rollouts):
    soaking(rollouts)
    rollouts.stage.broken.add((rollouts.namespace, "2"))
    assert rollouts.reach("RolledBack")["history"][-1]["reason"] == "CandidateNotReady"
    assert rollouts.weights == {"1": 100}


def test_a_route_that_somebody_else_changed_is_put_right(rollouts):
    soaking(rollouts)
    body = rollouts.kube.get(HTTP_ROUTES, rollouts.namespace, NAME)
    rules = body["spec"]["rules"]
    rules[0]["backendRefs"][0]["weight"], rules[0]["backendRefs"][1]["weight"] = 0, 100
    rollouts.kube.merge(HTTP_ROUTES, rollouts.namespace, NAME, {"spec": {"rules": rules, "hostnames": ["other.test"]}})
    eventually(lambda: rollouts.weights == {"1": 90, "2": 10})
    body = rollouts.kube.get(HTTP_ROUTES, rollouts.namespace, NAME)
    assert body["spec"]["hostnames"] == [f"trust.{rollouts.namespace}.scoreops.local"]
    assert {one["manager"] for one in body["metadata"]["managedFields"]} == {MANAGER}
    eventually(lambda: "DriftCorrected" in {reason for reason, _ in rollouts.events()})


def test_labels_of_others_stay(rollouts):
    soaking(rollouts)
    rollouts.kube.merge(HTTP_ROUTES, rollouts.namespace, NAME, {"metadata": {"labels": {"theirs": "1"}}})
    rollouts.ask("Rollback")
    rollouts.reach("RolledBack")
    assert rollouts.kube.get(HTTP_ROUTES, rollouts.namespace, NAME)["metadata"]["labels"]["theirs"] == "1"


def test_a_status_that_somebody_else_writes_is_written_again(rollouts):
    soaking(rollouts)
    rollouts.kube.merge(MODEL_ROLLOUTS, rollouts.namespace, NAME, {"status": {"url": "nowhere"}}, "status")
    eventually(lambda: rollouts.status["url"] == f"http://trust.{rollouts.namespace}.scoreops.local")


@pytest.fixture
def one_only(rollouts):
    """Somebody's admission policy allows no second version in this namespace."""
    name = rollouts.namespace
    creates = {"apiGroups": ["serving.kserve.io"], "apiVersions": ["*"], "resources": ["inferenceservices"]}
    spec = {
        "matchConstraints": {"resourceRules": [creates | {"operations": ["CREATE"]}]},
        "validations": [{"expression": "!object.metadata.name.endsWith('v2')", "message": "one model is enough"}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    made = [rollouts.body(POLICIES, name, spec), rollouts.body(BINDINGS, name, binding)]
    for resource, body in zip((POLICIES, BINDINGS), made, strict=True):
        body["metadata"].pop("namespace")
        rollouts.kube.create(resource, body)
    yield
    for resource in (BINDINGS, POLICIES):
        rollouts.kube.delete(resource, None, name, rollouts.kube.get(resource, None, name)["metadata"]["uid"])


def test_a_service_that_is_refused_says_so(rollouts, one_only):
    first(rollouts)
    rollouts.register()
    status = rollouts.reach("RolledBack")
    assert status["history"][-1]["reason"] == "CandidateNotReady"
    assert "one model is enough" in status["message"]
    assert rollouts.weights == {"1": 100}
