"""The kubelet: one node, whose pods live in cgroups of their own."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster import kubeconfig, pki
from cluster.containerd import SOCKET
from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import DOMAIN, NODE, NODE_NAME, Place
from scoreops.local.service import Service

_HEALTH: Final = 10_248


def config(place: Place) -> dict[str, Any]:
    """KubeletConfiguration. Images are never collected: there is no registry to pull them from again."""
    keys = pki.folder(place)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / "node.crt"),
        "tlsPrivateKeyFile": str(keys / "node.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": place.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [NODE],
        "clusterDomain": DOMAIN,
        "resolvConf": str(place.home / "resolv.conf"),
        "podLogsDir": str(place.logs / "pods"),
        "healthzPort": _HEALTH,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "volumePluginDir": str(place.home / "kubelet" / "volumeplugins"),
    }


def service(place: Place) -> Service:
    """The node."""
    file = place.home / "kubelet.json"
    arguments = flags(
        {
            "config": file,
            "kubeconfig": pki.folder(place) / "kubelet.kubeconfig",
            "root_dir": place.home / "kubelet",
            "hostname_override": NODE_NAME,
            "node_ip": NODE,
        }
    )

    def prepare() -> None:
        kubeconfig.of_certificate(place, "kubelet")

    files = {file: json.dumps(config(place), indent=1), place.home / "resolv.conf": "options ndots:1\n"}
    return part(place, "kubelet", arguments, http(place, _HEALTH, "/healthz"), files=files, prepare=prepare)
