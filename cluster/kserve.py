"""KServe's controller with its webhooks, as a process beside the API server instead of a pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from cluster import pki
from cluster.contour import GATEWAY
from cluster.images import reference
from cluster.inside import http
from cluster.kube import Manifest, apply
from cluster.parts import part
from cluster.place import NODE, ROOT, Place
from cluster.sources import folder
from scoreops.local.service import Service

_NAMESPACE: Final = "kserve"
_WEBHOOKS: Final = 9443
_HEALTH: Final = 8081
_MLFLOW_PORT: Final = 15_050
"""Of the embedded MLflow, when it listens on the machine's side of the link."""
_MANIFESTS: Final = ROOT / "cluster" / "manifests"
_CERTIFICATES: Final = Path("k8s-webhook-server") / "serving-certs"
"""Where controller-runtime looks, below $TMPDIR."""
_SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "deploy": {"defaultDeploymentMode": "Standard"},
    "ingress": {
        "enableGatewayApi": True,
        "kserveIngressGateway": "/".join(GATEWAY),
        "disableIstioVirtualHost": True,
    },
    "inferenceService": {
        "resource": {"cpuRequest": "50m", "memoryRequest": "128Mi", "cpuLimit": "2", "memoryLimit": "1Gi"}
    },
}
"""What differs from the ConfigMap that KServe ships: its requests would fill two cores with one model."""


def service(place: Place) -> Service:
    """The controller."""
    home = place.home / "kserve"
    arguments = [f"--kubeconfig={place.kubeconfig}", "--metrics-addr=127.0.0.1:8080"]

    def prepare() -> None:
        certificates = home / _CERTIFICATES
        certificates.mkdir(parents=True, exist_ok=True)
        pki.serve(place, "webhook", (NODE,))
        for suffix in ("crt", "key"):
            (pki.folder(place) / f"webhook.{suffix}").replace(certificates / f"tls.{suffix}")

    ready = http(place, _HEALTH, "/readyz")
    env = {"TMPDIR": str(home), "POD_NAMESPACE": _NAMESPACE}
    return part(place, "kserve", arguments, ready, env=env, prepare=prepare)


def configure(place: Place) -> None:
    """What the controller and the gateway read at their start."""
    namespaces = [_object("v1", "Namespace", name) for name in dict.fromkeys((_NAMESPACE, GATEWAY[0]))]
    apply(place, namespaces)
    shipped = yaml.safe_load((folder("kserve-configmap") / "inferenceservice.yaml").read_text())
    apply(place, [config_map(shipped), *documents(_MANIFESTS / "gateway.yaml")])


def finish(place: Place) -> None:
    """The webhooks, now that somebody answers them, and then what they look at: the runtime and the fetcher."""
    shipped = documents(folder("kserve-webhook") / "manifests.yaml")
    authority = (pki.folder(place) / "ca.crt").read_bytes()
    apply(place, [webhooks(manifest, authority) for manifest in shipped])
    apply(place, runtimes(place))


def runtimes(place: Place) -> list[Manifest]:
    """The runtime of bundles and the fetcher, as this cluster has them."""
    values = {"PREDICTORS_IMAGE": reference("predictors"), "MLFLOW_URL": f"http://{place.host}:{_MLFLOW_PORT}"}
    return serving(values)


def serving(values: Mapping[str, str]) -> list[Manifest]:
    """The runtime and the fetcher, with values in place of the words that stand for them."""
    text = (_MANIFESTS / "serving.yaml").read_text()
    for word, value in values.items():
        text = text.replace(word, value)
    return list(yaml.safe_load_all(text))


def config_map(shipped: Manifest) -> dict[str, Any]:
    """KServe's ConfigMap with our settings in place of some of its own."""
    data = {key: value for key, value in shipped["data"].items() if key != "_example"}
    for key, ours in _SETTINGS.items():
        data[key] = json.dumps(json.loads(data[key]) | dict(ours))
    return _object("v1", "ConfigMap", "inferenceservice-config", _NAMESPACE) | {"data": data}


def webhooks(shipped: Manifest, authority: bytes) -> dict[str, Any]:
    """A webhook configuration that names an address instead of a Service."""

    def turned(hook: Mapping[str, Any]) -> dict[str, Any]:
        url = f"https://{NODE}:{_WEBHOOKS}{hook['clientConfig']['service']['path']}"
        return {**hook, "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()}}

    made = _object(shipped["apiVersion"], shipped["kind"], shipped["metadata"]["name"])
    return made | {"webhooks": [turned(hook) for hook in shipped["webhooks"]]}


def documents(file: Path) -> list[Manifest]:
    """The objects of a YAML file."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def _object(version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
