"""What the demo asks of a cluster is what the kinds take, and what is shipped beside it is locked down."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster import discovery, kserve
from cluster.demo import objects
from cluster.demo.traffic import Tally
from cluster.demo.view import requests
from cluster.place import ROOT
from operators.api.fusion import FusionSpec
from operators.api.gates import GateTemplateSpec
from operators.api.rollout import RolloutSpec
from operators.build.install import IMAGE


def test_rollouts_gates_and_the_fusion_are_valid():
    specs = {body["metadata"]["name"]: RolloutSpec.model_validate(body["spec"]) for body in objects.rollouts()}
    gates = {body["metadata"]["name"] for body in objects.gates()}
    for body in objects.gates():
        GateTemplateSpec.model_validate(body["spec"])
    for spec in specs.values():
        stages = ("preflight", "step-0", "bake")
        assert {gate.name for stage in stages for gate in spec.plan.gates_of(stage)} <= gates
    fusion = FusionSpec.model_validate(objects.fusion()["spec"])
    assert {member.rollout for member in fusion.members} == specs.keys()


def test_copies_are_asked_for_where_pairs_are_judged():
    trust = RolloutSpec.model_validate(objects.rollouts()[0]["spec"])
    judged = {gate.name for gate in trust.steps[0].gates}
    assert "log-loss" in judged
    assert trust.steps[0].mirror == 100


def pod(name, phase="Running", address="10.232.0.7", port="http1"):
    container = {"name": "kserve-container", "ports": [{"name": port, "containerPort": 8080}, {"containerPort": 8081}]}
    status = {"phase": phase} | ({"podIP": address} if address else {})
    return {"metadata": {"namespace": "kol", "name": name}, "spec": {"containers": [container]}, "status": status}


def test_prometheus_is_told_of_servers_that_run_with_the_namespace_that_the_operator_asks_by():
    others = (pod("starts", "Pending"), pod("nowhere", address=""), pod("another", port="grpc"))
    found = discovery.targets([pod("trust"), *others])
    assert found == [{"targets": ["10.232.0.7:8080"], "labels": {"namespace": "kol", "pod": "trust"}}]


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        pytest.param(Tally(), "requests to trust: none yet; 0 failed", id="nothing"),
        pytest.param(
            Tally(Counter({"2": 10, "1": 1900}), Counter({"HTTP 503": 2})),
            "requests to trust: 1,900 by v1, 10 by v2; 2 failed",
            id="some",
        ),
    ],
)
def test_requests_are_told_in_a_line(tally, said):
    assert requests(tally) == said


def test_answers_are_counted_from_a_moment_on():
    before = Tally(Counter({"1": 5}), Counter({"HTTP 500": 1}))
    after = Tally(Counter({"1": 8, "2": 3}), Counter({"HTTP 500": 1}))
    assert after.since(before) == Tally(Counter({"1": 3, "2": 3}), Counter())


def test_the_evidence_service_runs_with_the_least_rights():
    service, deployment = kserve.documents(ROOT / "monitoring" / "deploy" / "evidence.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
