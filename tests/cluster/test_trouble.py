"""What goes wrong on a cluster while a candidate has a tenth of the requests, and what of it people notice: nothing."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from cluster import apiserver, kserve, kubelet
from cluster.demo.objects import OPERATOR
from cluster.kube import apply
from operators.build import install
from operators.build.names import LEASES, MODEL_ROLLOUTS
from operators.lease import NAME as LEASE
from scoreops.core.errors import NotReady
from tests.cluster.clusters import eventually, without
from tests.cluster.shop import NAME, SOAKING, bundle, traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def at_a_tenth(shop):
    """Version 2 has 10 % of the requests."""
    shop.put(bundle(shop, 2.0))
    eventually(lambda: shop.weights == {"1": 90, "2": 10}, 300)


def finish(shop):
    """Somebody says that it was looked at for long enough."""
    shop.act("SkipStep")
    eventually(lambda: shop.weights == {"2": 100}, 120)
    shop.reach("Completed")


def pod_of(cluster, shop, version):
    wanted = f"serving.kserve.io/inferenceservice={NAME}-v{version}"
    found = cluster.get("pods", "-n", shop.namespace, "-l", wanted)["items"]
    return next(one for one in found if "deletionTimestamp" not in one["metadata"])


def test_the_api_server_is_away_for_a_while(cluster, shop):
    shop.open(bundle(shop), **SOAKING)
    with traffic(shop) as found:
        at_a_tenth(shop)
        with without(apiserver.service(cluster.place)):
            time.sleep(5)
        finish(shop)
    assert {status for status, _ in found} == {200}


def test_the_pod_that_leads_is_killed(cluster, shop):
    shop.open(bundle(shop), **SOAKING)
    with traffic(shop) as found:
        at_a_tenth(shop)
        led = leader(shop)
        cluster.kubectl("delete", "pod", led, "-n", install.NAMESPACE, "--force", "--grace-period=0")
        eventually(lambda: leader(shop) not in {None, "", led})
        finish(shop)
    assert {status for status, _ in found} == {200}
    cluster.kubectl("rollout", "status", f"deployment/{OPERATOR}", "-n", install.NAMESPACE, "--timeout=120s")


def leader(shop):
    return shop.kube.get(LEASES, install.NAMESPACE, LEASE)["spec"].get("holderIdentity")


def test_an_image_that_cannot_be_had(cluster, shop):
    shop.open(bundle(shop))
    nowhere = kserve.runtimes(cluster.place)[0]
    nowhere["metadata"]["name"] = shop.namespace
    nowhere["spec"]["containers"][0]["image"] = "localhost/nowhere:1"
    nowhere["spec"]["supportedModelFormats"][0]["autoSelect"] = False
    apply(cluster.place, [nowhere])
    with traffic(shop) as found:
        target = {"spec": {"target": {"runtime": shop.namespace}}}
        shop.kube.merge(MODEL_ROLLOUTS, shop.namespace, NAME, target)
        shop.put(bundle(shop, 2.0))
        status = shop.reach("RolledBack", "Rejected")
    cluster.kubectl("delete", "clusterservingruntime", shop.namespace)
    assert "ImagePullBackOff" in status["message"]
    assert found.keys() == {(200, "1")}


def test_a_candidate_that_dies_again_and_again(cluster, shop):
    """Requests that it had are lost, as it has one pod; those of stable never."""
    shop.open(bundle(shop), **SOAKING)
    with traffic(shop) as found:
        at_a_tenth(shop)
        name = pod_of(cluster, shop, 2)["metadata"]["name"]
        dying(cluster, shop, name)
        shop.reach("RolledBack")
        eventually(lambda: shop.weights == {"1": 100})
        found.clear()
        eventually(lambda: found[200, "1"] > 100)
    assert found.keys() == {(200, "1")}


def dying(cluster, shop, name):
    """End the server of a pod as often as it starts, until it is given up."""
    kill = (
        "exec",
        name,
        "-n",
        shop.namespace,
        "-c",
        "kserve-container",
        "--",
        "python",
        "-c",
        "import os; os.kill(1, 15)",
    )

    def given_up():
        with suppress(NotReady):  # there is nothing to kill at this moment
            cluster.kubectl(*kill)
        return shop.status["phase"] == "RolledBack"

    eventually(given_up, 300)


@contextmanager
def pressed(place):
    """The node has too little memory, by what its kubelet asks for; what pods may request is as before."""
    service = kubelet.service(place)
    file = place.home / "kubelet.json"
    service.stop()
    service.prepare()
    told = json.loads(file.read_text())
    told["evictionSoft"] = {"memory.available": "99%"}
    told["evictionSoftGracePeriod"] = {"memory.available": "1s"}
    greedy = file.with_name("kubelet-greedy.json")
    greedy.write_text(json.dumps(told))
    argv = [part.replace(str(file), str(greedy)) for part in service.argv]
    hungry = replace(service, argv=argv)
    hungry.start()
    hungry.wait()
    try:
        yield
    finally:
        hungry.stop()
        service.start()
        service.wait()


def test_a_node_without_memory_holds_a_rollout_and_lets_it_go_on(cluster, shop):
    shop.open(bundle(shop), **SOAKING)
    at_a_tenth(shop)
    with pressed(cluster.place):
        cluster.wait("node/node", "condition=MemoryPressure", "default")
        eventually(lambda: "Evicted" in cluster.kubectl("get", "events", "-n", shop.namespace), 300)
        assert shop.weights in ({"1": 90, "2": 10}, {"1": 100})
    cluster.wait("node/node", "condition=MemoryPressure=False", "default", 300)
    shop.reach("Soaking", "RolledBack")
    eventually(lambda: shop.ask(0)[0] == 200, 120)
