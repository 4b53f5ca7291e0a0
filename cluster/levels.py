"""What a cluster is made of, step by step, up to a level."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cluster import (
    apiserver,
    binaries,
    containerd,
    contour,
    controllers,
    crds,
    dns,
    envoy,
    etcd,
    images,
    kserve,
    kubelet,
    kwok,
    proxy,
    scheduler,
)
from cluster.kube import kubectl
from cluster.place import NODE_NAME, Place
from scoreops.local.service import Service

LEVELS: Final = ("api", "crds", "node", "full")
"""api: etcd, API server, controllers. crds: also the kinds of KServe, Contour and the Gateway API. node: also pods,
Services and names. full: also KServe and a gateway.
"""
_PROGRAMS: Final = {
    "api": ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"),
    "crds": (),
    "node": ("kube-scheduler", "kubelet", "kube-proxy", "coredns", "pause"),
    "full": ("kserve", "contour"),
}


def _nothing(_place: Place) -> None:
    return


@dataclass(frozen=True)
class Step:
    """Services to start, what to do while they start, and what to do once they are ready."""

    name: str
    services: tuple[Service, ...] = ()
    meanwhile: Callable[[Place], None] = _nothing
    then: Callable[[Place], None] = _nothing


def prepare(level: str, *, fake_nodes: bool, tell: Callable[[str], None]) -> None:
    """Compile programs and build images that the level needs and that are not there yet."""
    upto = LEVELS[: LEVELS.index(level) + 1]
    wanted = [name for one in upto for name in _PROGRAMS[one]] + ["kwok"] * fake_nodes
    for name in wanted:
        if not binaries.path(name).exists():
            tell(f"compiling {name}")
            began = time.monotonic()
            binaries.build(name)
            tell(f"compiled {name} in {time.monotonic() - began:.0f} s")
    for name in images.of_level(level):
        images.build(name, tell)


def steps(place: Place, level: str, *, fake_nodes: bool) -> list[Step]:
    """What to do, in order, to bring a cluster to a level; safe to repeat."""
    upto = LEVELS[: LEVELS.index(level) + 1]
    first: tuple[Service, ...] = (etcd.service(place),)
    if "node" in upto:
        first = (*first, containerd.service(place, images.reference("pause")))
    wanted = images.of_level(level)
    whole = [
        Step("etcd", first),
        Step("API server", (apiserver.service(place),), meanwhile=lambda place: images.load(place, wanted)),
    ]
    kinds = crds.install if "crds" in upto else _nothing
    if "node" in upto:
        parts = (scheduler.service(place), kubelet.service(place), proxy.service(place), dns.service(place))
        whole.append(Step("controllers, node and kinds", (controllers.service(place), *parts), kinds, _node_ready))
    else:
        whole.append(Step("controllers and kinds", (controllers.service(place),), kinds))
    if "full" in upto:
        whole.append(Step("settings of KServe and the gateway", then=kserve.configure))
        gateway = (kserve.service(place), contour.service(place), envoy.service(place))
        whole.append(Step("KServe and the gateway", gateway, then=kserve.finish))
    if fake_nodes:
        whole.append(Step("nodes that do not exist", (kwok.service(place),)))
    return whole


def services(place: Place, level: str, *, fake_nodes: bool) -> list[Service]:
    """Every process of a level, in the order in which they start."""
    return [service for step in steps(place, level, fake_nodes=fake_nodes) for service in step.services]


def _node_ready(place: Place) -> None:
    kubectl(place, "wait", f"node/{NODE_NAME}", "--for=create", "--timeout=60s")
    kubectl(place, "wait", f"node/{NODE_NAME}", "--for=condition=Ready", "--timeout=60s")
