"""Contour: tells Envoy what Gateways and HTTPRoutes say."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import Place
from scoreops.local.service import Service

GATEWAY: Final = ("scoreops", "scoreops")
"""Namespace and name of the Gateway, as cluster/manifests/gateway.yaml makes it."""
XDS: Final = ("127.0.0.1", 8001)
_HEALTH: Final = 8000


def config() -> dict[str, Any]:
    """Its configuration file."""
    return {"gateway": {"gatewayRef": {"namespace": GATEWAY[0], "name": GATEWAY[1]}}}


def service(place: Place) -> Service:
    """The control plane of the gateway."""
    file = place.home / "contour.json"
    arguments = [
        "serve",
        "--insecure",
        "--disable-leader-election",
        f"--config-path={file}",
        *flags({"kubeconfig": place.kubeconfig, "xds_address": XDS[0], "xds_port": XDS[1]}),
        "--ingress-status-address=127.0.0.1",
    ]
    return part(
        place,
        "contour",
        arguments,
        http(place, _HEALTH, "/healthz"),
        files={file: json.dumps(config())},
    )
