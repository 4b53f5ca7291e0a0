"""Real clusters, apart from any that a person has up: one for the session, with all in it, and what a test does to it.

cluster     the session's, with KServe and the gateway
namespace   a namespace of this test's own, gone at its end
beside      MLflow and Prometheus where pods reach them, and the operator in its own pods; the registry
shop        a model that this test delivers
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cluster import prometheus
from cluster.demo import objects
from cluster.life import down, up
from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.local import runtime
from scoreops.local.service import Service
from tests.cluster.clusters import Cluster, cluster_of, eventually
from tests.cluster.shop import Shop


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    place = cluster_of("scoreops-test")
    up(place, "full", fake_nodes=False, tell=print)
    yield Cluster(place)
    down(place)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    account = ("get", "serviceaccount", "default", "-n", name)
    eventually(lambda: cluster.kubectl(*account))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def beside(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Service], Registry]]:
    settings = Settings(home=tmp_path_factory.mktemp("beside"), port_base=15_000, host=cluster.place.host)
    services = {"mlflow": runtime.component("mlflow", settings), "prometheus": prometheus.service(cluster.place)}
    runtime.up([services["mlflow"]])
    prometheus.start(cluster.place)
    objects.install_operator(cluster.place, settings)
    yield services, Registry(settings.mlflow_url)
    for service in services.values():
        service.stop()


@pytest.fixture
def shop(cluster: Cluster, namespace: str, beside: tuple[dict[str, Service], Registry]) -> Shop:
    return Shop(cluster, namespace, beside[1])
