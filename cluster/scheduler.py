"""kube-scheduler."""

from __future__ import annotations

from cluster import kubeconfig, pki
from cluster.inside import https
from cluster.parts import flags, part
from cluster.place import Place
from scoreops.local.service import Service

_PORT = 10_259
_NAME = "kube-scheduler"


def service(place: Place) -> Service:
    """Puts pods on the node."""
    keys = pki.folder(place)
    arguments = flags(
        {
            "kubeconfig": keys / f"{_NAME}.kubeconfig",
            "secure_port": _PORT,
            "tls_cert_file": keys / "node.crt",
            "tls_private_key_file": keys / "node.key",
            "leader_elect": False,
        }
    )

    def prepare() -> None:
        kubeconfig.of_certificate(place, _NAME)

    return part(place, _NAME, arguments, https(place, _PORT, "/healthz"), prepare=prepare, stop_s=5.0)
