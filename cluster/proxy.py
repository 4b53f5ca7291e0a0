"""kube-proxy: addresses of Services, as firewall rules of the cluster's own network."""

from __future__ import annotations

from typing import Final

from cluster import kubeconfig, pki
from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import NODE_NAME, PODS, Place
from scoreops.local.service import Service

_NAME: Final = "kube-proxy"
_HEALTH: Final = 10_256


def service(place: Place) -> Service:
    """Service addresses."""
    arguments = flags(
        {
            "kubeconfig": pki.folder(place) / f"{_NAME}.kubeconfig",
            "proxy_mode": "iptables",
            "hostname_override": NODE_NAME,
            "cluster_cidr": PODS,
            "healthz_bind_address": f"127.0.0.1:{_HEALTH}",
            "conntrack_max_per_core": 0,
        }
    )

    def prepare() -> None:
        kubeconfig.of_certificate(place, _NAME)

    return part(place, _NAME, arguments, http(place, _HEALTH, "/healthz"), prepare=prepare)
