"""kube-apiserver: RBAC, and an audit log for tests: writes to a rollout's objects, and all that the operator asks."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster import etcd, pki
from cluster.inside import https
from cluster.parts import flags, part
from cluster.place import API_PORT, DOMAIN, NODE, SERVICES, Place
from scoreops.local.service import Service

_WATCHED: Final = ("scoreops.io", "serving.kserve.io", "gateway.networking.k8s.io")


OPERATOR: Final = "system:serviceaccount:scoreops:scoreops-operator"


def audit_policy() -> dict[str, Any]:
    """Writes to rollouts, what they deploy and the routes, with the object as it was stored; of the operator's other
    requests that there was one; nothing else.
    """
    rule = {
        "level": "RequestResponse",
        "verbs": ["create", "update", "patch", "delete"],
        "resources": [{"group": group} for group in _WATCHED],
        "omitManagedFields": True,
    }
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [rule, {"level": "Metadata", "users": [OPERATOR]}, {"level": "None"}],
    }


def service(place: Place) -> Service:
    """The API server, on every address of the cluster's network."""
    keys, policy = pki.folder(place), place.home / "audit-policy.json"
    arguments = flags(
        {
            "etcd_servers": etcd.URL,
            "bind_address": "0.0.0.0",  # noqa: S104 - of a network that only this machine reaches
            "secure_port": API_PORT,
            "advertise_address": NODE,
            "client_ca_file": keys / "ca.crt",
            "tls_cert_file": keys / "apiserver.crt",
            "tls_private_key_file": keys / "apiserver.key",
            "service_account_issuer": f"https://kubernetes.default.svc.{DOMAIN}",
            "service_account_key_file": keys / "accounts.pub",
            "service_account_signing_key_file": keys / "accounts.key",
            "service_cluster_ip_range": SERVICES,
            "authorization_mode": ("Node", "RBAC"),
            "enable_admission_plugins": "NodeRestriction",
            "allow_privileged": True,
            "kubelet_preferred_address_types": "InternalIP",
            "kubelet_client_certificate": keys / "apiserver-kubelet.crt",
            "kubelet_client_key": keys / "apiserver-kubelet.key",
            "kubelet_certificate_authority": keys / "ca.crt",
            "audit_policy_file": policy,
            "audit_log_path": place.logs / "audit.jsonl",
            "audit_log_mode": "blocking",
            "profiling": False,
        }
    )
    return part(
        place,
        "kube-apiserver",
        arguments,
        https(place, API_PORT, "/readyz"),
        files={policy: json.dumps(audit_policy())},
        stop_s=2.0,  # it waits long for its watchers; what it acknowledged is in etcd
    )
