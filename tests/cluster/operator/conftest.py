"""The operator on a real API server: kinds are there, pods are not.

api         kubeconfig of the administrator
stage       what plays KServe, the gateway and Prometheus
mlflow      a real registry: the process, and its URL
rollouts    a namespace of this test's own, and a model of that name; whatever operator it started is ended
make_rollouts   the same, as often as it is called
"""

from __future__ import annotations

import os
import uuid

import pytest

from cluster import kubeconfig
from cluster.kube import kubectl
from cluster.life import down
from cluster.life import up as cluster_up
from operators.build import install
from operators.lease import NAME
from scoreops.adapters.kube import Resource, connect
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.local.runtime import component, up
from tests.cluster.clusters import cluster_of
from tests.cluster.operator.rollouts import NAMESPACES, Rollouts
from tests.cluster.operator.stage import Stage

RIGHTS = {
    "Role": Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    "RoleBinding": Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
}
CRDS = "operators/api/crds"
INSTALL = [f"--filename=operators/deploy/{name}.yaml" for name in ("rbac", "people", "admission")]


@pytest.fixture(scope="session")
def place(worker_id):
    """A cluster without nodes for each worker; one that is named after OPERATOR_TEST_CLUSTER stays."""
    kept = os.environ.get("OPERATOR_TEST_CLUSTER")
    place = cluster_of(f"{kept or 'scoreops-operator'}-{worker_id}")
    cluster_up(place, "crds", fake_nodes=False, tell=print)
    kubectl(place, "apply", "--server-side", "-f", CRDS)
    kubectl(place, "wait", "crd", "--all", "--for", "condition=Established", "--timeout=60s")
    account = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": install.NAMESPACE}}
    connect(str(place.kubeconfig)).create(NAMESPACES, account)
    kubectl(place, "apply", "--server-side", *INSTALL)
    yield place
    if not kept:
        down(place)


@pytest.fixture(scope="session")
def api(place):
    return place.kubeconfig


@pytest.fixture(scope="session")
def stage(api):
    made = Stage(api)
    yield made
    made.close()


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory, worker_id):
    port = 21_000 + 100 * int(worker_id.removeprefix("gw").replace("master", "0"))
    settings = Settings(home=tmp_path_factory.mktemp("registry"), port_base=port)
    service = component("mlflow", settings)
    up([service])
    yield service, settings.mlflow_url
    service.stop()


@pytest.fixture(scope="session")
def account(place):
    """The operator's own: it has the rights that the chart gives it, and no more."""
    return kubeconfig.of_service_account(place, install.NAMESPACE, NAME)


def _make(api, account, stage, mlflow, logs):
    kube, namespace = connect(str(api)), f"t{uuid.uuid4().hex[:8]}"
    kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for body in install.rbac():
        if body["kind"] in RIGHTS:  # to the Lease, which is in the namespace of the test
            kube.create(RIGHTS[body["kind"]], body | {"metadata": {"name": NAME, "namespace": namespace}})
    environment = {
        "OPERATOR_KUBECONFIG": str(account),
        "OPERATOR_NAMESPACE": namespace,
        "OPERATOR_WATCH": namespace,
        "OPERATOR_PROMETHEUS": stage.url,
        "OPERATOR_MLFLOW": mlflow[1],
        "OPERATOR_SERVER_URL": f"{stage.url}/$namespace/$service",
        "OPERATOR_HEALTH_PORT": "0",
        "OPERATOR_IMAGE": "localhost/platform:test",
    }
    logs = logs / namespace
    logs.mkdir()
    return Rollouts(kube, stage, Registry(mlflow[1]), namespace, environment, logs)


@pytest.fixture
def make_rollouts(api, account, stage, mlflow, tmp_path):
    all_made = []

    def make():
        all_made.append(_make(api, account, stage, mlflow, tmp_path))
        return all_made[-1]

    yield make
    for made in all_made:
        made.close()


@pytest.fixture
def rollouts(make_rollouts):
    return make_rollouts()
