"""Pods, names, rights, and a bundle from MLflow that is served through the gateway."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from cluster import kubeconfig
from cluster.binaries import built
from cluster.commands import run
from cluster.place import API_SERVICE, HOST_NAME
from scoreops.core.errors import NotReady
from tests.bundles import plain_bundle
from tests.cluster.clusters import audited, eventually, pod

LOOK = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"
SERVE = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"
GET = """
import sys, time, urllib.request
deadline = time.monotonic() + 30
while True:
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.1)
"""
"""A new Service is known to the proxy and to the name server a moment after the API server knows it."""


def logs_of(cluster, namespace, name, *command):
    """What a command says in a pod of its own."""
    cluster.create(pod(name, namespace, "predictors", ["python", "-c", *command]))
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Succeeded", namespace)
    return cluster.kubectl("logs", name, "-n", namespace).strip()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        pytest.param("kubernetes.default.svc.cluster.local", API_SERVICE, id="service"),
        pytest.param("kubernetes.default", API_SERVICE, id="short name"),
        pytest.param(HOST_NAME, "host", id="this machine"),
    ],
)
def test_pods_find_names(cluster, namespace, name, address):
    expected = cluster.place.host if address == "host" else address
    assert logs_of(cluster, namespace, "look", LOOK, name) == expected


def test_pods_reach_each_other_through_a_service(cluster, namespace):
    cluster.create(pod("server", namespace, "predictors", ["python", "-c", SERVE], app="server"))
    cluster.wait("pod/server", "condition=Ready", namespace)
    cluster.kubectl("expose", "pod", "server", "-n", namespace, "--port=80", "--target-port=8000")
    eventually(lambda: cluster.get("endpoints", "server", "-n", namespace).get("subsets"))
    assert logs_of(cluster, namespace, "client", GET, f"http://server.{namespace}") == "200"


def test_commands_run_in_pods_as_nobody_in_particular(cluster, namespace):
    cluster.create(pod("idle", namespace, "predictors", ["python", "-c", SERVE]))
    cluster.wait("pod/idle", "condition=Ready", namespace)
    found = cluster.kubectl("exec", "idle", "-n", namespace, "--", "python", "-c", "import os; print(os.getuid())")
    assert found.strip() == "10001"


def test_an_account_without_rights_is_refused(cluster, namespace):
    cluster.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    file = kubeconfig.of_service_account(cluster.place, namespace, "nobody")
    with pytest.raises(NotReady, match="Forbidden"):
        run(built("kubectl"), f"--kubeconfig={file}", "get", "secrets", "-n", namespace)


def test_a_user_has_the_rights_of_his_group(cluster, namespace):
    file = kubeconfig.of_user(cluster.place, "ann", ["readers"])
    cluster.kubectl("create", "rolebinding", "readers", "--clusterrole=view", "--group=readers", "-n", namespace)
    found = run(built("kubectl"), f"--kubeconfig={file}", "get", "configmaps", "-n", namespace, "-o", "name")
    assert "configmap/kube-root-ca.crt" in found
    with pytest.raises(NotReady, match="Forbidden"):
        run(built("kubectl"), f"--kubeconfig={file}", "delete", "configmap", "kube-root-ca.crt", "-n", namespace)


def inference_service(name, namespace, uri):
    model = {"modelFormat": {"name": "scoreops-bundle"}, "protocolVersion": "v2", "storageUri": uri}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 1, "model": model}},
    }


def ask(cluster, host, path, body=None):
    request = urllib.request.Request(f"{cluster.place.gateway_url}{path}", headers={"Host": host})
    if body is not None:
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def test_a_registered_bundle_answers_through_the_gateway(cluster, namespace, beside):
    version = beside[1].register(plain_bundle(name="tiny"), metrics={}, verdicts=[])
    cluster.create(inference_service("tiny", namespace, f"mlflow://tiny/{version.number}"))
    cluster.wait("inferenceservice/tiny", "condition=Ready", namespace, 120)
    host = f"tiny-{namespace}.example.com"
    features = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [1.0, 2.0, 3.0]}
    asked = {"inputs": [features | {"parameters": {"columns": "a,b,c"}}]}
    answer = eventually(lambda: ask(cluster, host, "/v2/models/tiny/infer", asked))
    assert answer["outputs"][0]["data"] == [321.0]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(cluster, "nobody.example.com", "/v2/models/tiny")


def test_a_bundle_that_is_not_registered_says_so(cluster, namespace, beside):
    cluster.create(inference_service("missing", namespace, "mlflow://missing/7"))

    def said():
        found = cluster.get("pods", "-n", namespace)["items"]
        assert found
        return cluster.kubectl("logs", found[0]["metadata"]["name"], "-c", "storage-initializer", "-n", namespace)

    assert "missing" in eventually(said)


def test_kserve_refuses_what_it_cannot_serve(cluster, namespace):
    wrong = inference_service("Wrong_Name", namespace, "mlflow://tiny/1")
    with pytest.raises(NotReady, match="Wrong_Name"):
        cluster.create(wrong)


def test_writes_are_in_the_audit_log(cluster, namespace):
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "audited", "namespace": namespace},
        "spec": {"parentRefs": [{"name": "scoreops", "namespace": "scoreops"}], "hostnames": ["audited.example.com"]},
    }
    cluster.create(route)
    mine = [one for one in audited(cluster.place) if one.get("objectRef", {}).get("namespace") == namespace]
    found = [one for one in mine if one["verb"] == "create" and one["objectRef"]["resource"] == "httproutes"]
    assert [one["responseObject"]["spec"]["hostnames"] for one in found] == [["audited.example.com"]]
