"""Files that let a client in: of a component, of the administrator, of a test's user or service account."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import pki
from cluster.kube import kubectl
from cluster.place import Place


def document(server: str, authority: bytes, user: Mapping[str, str], namespace: str = "default") -> dict[str, Any]:
    """A kubeconfig of one server and one user."""
    known = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    context = {"cluster": "scoreops", "user": "user", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "scoreops", "cluster": known}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [{"name": "scoreops", "context": context}],
        "current-context": "scoreops",
    }


def of_certificate(place: Place, file: str) -> Path:
    """The kubeconfig of who holds the certificate FILE.crt of the cluster's authority."""
    home = pki.folder(place)
    user = {
        "client-certificate-data": base64.b64encode((home / f"{file}.crt").read_bytes()).decode(),
        "client-key-data": base64.b64encode((home / f"{file}.key").read_bytes()).decode(),
    }
    return _write(place, home / f"{file}.kubeconfig", user)


def of_user(place: Place, user: str, groups: Sequence[str] = ()) -> Path:
    """The kubeconfig of a user that exists by his certificate alone."""
    file = f"user-{user}"
    pki.issue(place, file, user, groups)
    return of_certificate(place, file)


def of_service_account(place: Place, namespace: str, name: str) -> Path:
    """The kubeconfig of a service account, good for a day. Raises NotReady when there is no such account."""
    token = kubectl(place, "create", "token", name, "-n", namespace, "--duration", "24h").strip()
    target = pki.folder(place) / f"account-{namespace}-{name}.kubeconfig"
    return _write(place, target, {"token": token}, namespace)


def administrator(place: Place) -> None:
    """Write `place.kubeconfig`."""
    of_certificate(place, "admin").replace(place.kubeconfig)


def _write(place: Place, target: Path, user: Mapping[str, str], namespace: str = "default") -> Path:
    authority = (pki.folder(place) / "ca.crt").read_bytes()
    part = target.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(document(place.api_url, authority, user, namespace), indent=1) + "\n")
    part.replace(target)
    return target
