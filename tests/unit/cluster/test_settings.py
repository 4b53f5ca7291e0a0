"""What components are told: pure functions of the place."""

from __future__ import annotations

import base64
import json
import tomllib

import pytest

from cluster import apiserver, containerd, dns, kserve, kubeconfig, kubelet, levels
from cluster.parts import flags
from cluster.place import here
from cluster.state import Reached

PLACE = here({})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(True, "--some-key=true", id="yes"),
        pytest.param(False, "--some-key=false", id="no"),
        pytest.param(("a", "b"), "--some-key=a,b", id="list"),
        pytest.param(0, "--some-key=0", id="zero"),
    ],
)
def test_flags(value, shown):
    assert flags({"some_key": value}) == [shown]


def test_containerd_reads_its_configuration():
    read = tomllib.loads(containerd.config(PLACE, "localhost/pause:1"))["plugins"]["io.containerd.grpc.v1.cri"]
    assert read["sandbox_image"] == "localhost/pause:1"
    assert read["restrict_oom_score_adj"] is True
    assert read["containerd"]["runtimes"]["runc"]["runtime_type"] == "io.containerd.runc.v2"


def test_images_are_never_collected_and_pods_have_cgroups_of_their_own():
    config = kubelet.config(PLACE)
    assert config["imageGCHighThresholdPercent"] == 100
    assert config["cgroupRoot"] == "/scoreops-scoreops"


def test_names_outside_the_cluster_have_no_answer():
    assert "forward" not in dns.corefile(PLACE)


def test_the_audit_log_holds_writes_of_rollouts_and_what_the_operator_asks():
    first, second, last = apiserver.audit_policy()["rules"]
    assert "scoreops.io" in [one["group"] for one in first["resources"]]
    assert not {"get", "list", "watch"} & set(first["verbs"])
    assert second == {"level": "Metadata", "users": ["system:serviceaccount:scoreops:scoreops-operator"]}
    assert last == {"level": "None"}


def test_kserve_keeps_what_it_shipped_but_our_settings():
    shipped = {"_example": "long", "deploy": '{"defaultDeploymentMode": "Serverless", "other": 1}', "logger": "{}"}
    shipped |= {"ingress": '{"ingressDomain": "example.com", "enableGatewayApi": false}', "inferenceService": "{}"}
    made = kserve.config_map({"data": shipped})["data"]
    assert json.loads(made["deploy"]) == {"defaultDeploymentMode": "Standard", "other": 1}
    assert json.loads(made["ingress"])["ingressDomain"] == "example.com"
    assert json.loads(made["ingress"])["enableGatewayApi"] is True
    assert made["logger"] == "{}"
    assert "_example" not in made


def test_webhooks_name_an_address():
    hook = {"name": "x", "clientConfig": {"service": {"name": "s", "path": "/mutate"}}, "failurePolicy": "Fail"}
    shipped = {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "x": 1}, "webhooks": [hook]}
    (made,) = kserve.webhooks(shipped, b"authority")["webhooks"]
    assert made["clientConfig"]["url"] == "https://10.230.0.1:9443/mutate"
    assert base64.b64decode(made["clientConfig"]["caBundle"]) == b"authority"
    assert made["failurePolicy"] == "Fail"


def test_a_kubeconfig_has_one_of_each():
    made = kubeconfig.document("https://x", b"ca", {"token": "t"}, "ns")
    assert [len(made[key]) for key in ("clusters", "users", "contexts")] == [1, 1, 1]
    assert made["contexts"][0]["context"]["namespace"] == "ns"


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        pytest.param(None, "api", ("api", ()), id="down"),
        pytest.param(("api", ()), "full", ("full", ("new",)), id="higher"),
        pytest.param(("full", ("old",)), "full", ("full", ("new",)), id="the same with other images"),
        pytest.param(("full", ("old",)), "api", ("full", ("old",)), id="lower"),
    ],
)
def test_a_cluster_never_loses_a_level(before, asked, after):
    wanted = Reached(asked, ("new",) if asked == "full" else ())
    assert wanted.beside(before and Reached(*before)) == Reached(*after)


def test_levels_grow():
    assert levels.LEVELS == ("api", "crds", "node", "full")
