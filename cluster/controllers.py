"""kube-controller-manager, without the controllers of a cloud."""

from __future__ import annotations

from cluster import kubeconfig, pki
from cluster.inside import https
from cluster.parts import flags, part
from cluster.place import Place
from scoreops.local.service import Service

_PORT = 10_257
_NAME = "kube-controller-manager"


def service(place: Place) -> Service:
    """Deployments, garbage, namespaces, accounts, endpoints and the rest."""
    keys = pki.folder(place)
    arguments = flags(
        {
            "kubeconfig": keys / f"{_NAME}.kubeconfig",
            "secure_port": _PORT,
            "tls_cert_file": keys / "node.crt",
            "tls_private_key_file": keys / "node.key",
            "leader_elect": False,
            "use_service_account_credentials": True,
            "service_account_private_key_file": keys / "accounts.key",
            "root_ca_file": keys / "ca.crt",
            "controllers": ("*", "-node-ipam-controller", "-node-route-controller", "-cloud-node-lifecycle-controller"),
        }
    )

    def prepare() -> None:
        kubeconfig.of_certificate(place, _NAME)

    return part(place, _NAME, arguments, https(place, _PORT, "/healthz"), prepare=prepare, stop_s=5.0)
