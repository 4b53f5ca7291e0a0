"""Real clusters, apart from any that a person has up: one for the session, with all in it, and what a test does to it.

cluster     the session's, with KServe and the gateway
namespace   a namespace of this test's own, gone at its end
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cluster.life import up
from tests.cluster.clusters import Cluster, cluster_of, eventually, remove


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    place = cluster_of("scoreops-test")
    up(place, "full", fake_nodes=False, tell=print)
    yield Cluster(place)
    remove(place)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    account = ("get", "serviceaccount", "default", "-n", name)
    eventually(lambda: cluster.kubectl(*account))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
