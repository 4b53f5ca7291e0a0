"""One weighted HTTPRoute for each rollout: written, and read back."""

from __future__ import annotations

from typing import Any, Final

from operators.api.rollout import Gateway
from operators.build.names import (
    HTTP_ROUTES,
    backend_name,
    labels_of,
    service_name,
    version_of_backend,
)
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_world import Route

_PORT: Final = 80
_FOREIGN: Final = Route({"?": 100})
"""A route that is not of the shape that we write; it is none that could be wanted."""
_WHOLE: Final[tuple[list[dict[str, Any]], ...]] = ([], [{"path": {"type": "PathPrefix", "value": "/"}}])


def http_route(namespace: str, rollout: str, model: str, route: Route, gateway: Gateway, host: str) -> Manifest:
    """The route with these weights; the mirror's copies go to the one version that it names."""
    backends = [
        {"name": _backend(rollout, version), "port": _PORT, "weight": weight}
        for version, weight in sorted(route.weights.items())
    ]
    rule: dict[str, Any] = {"backendRefs": backends}
    if route.mirror:
        rule["filters"] = [_mirror(rollout, version, percent) for version, percent in sorted(route.mirror.items())]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **gateway.model_dump()}
    return {
        "apiVersion": HTTP_ROUTES.api_version,
        "kind": HTTP_ROUTES.kind,
        "metadata": {"name": rollout, "namespace": namespace, "labels": labels_of(rollout, model)},
        "spec": {"parentRefs": [parent], "hostnames": [host], "rules": [rule]},
    }


def _backend(rollout: str, version: str) -> str:
    return backend_name(service_name(rollout, version))


def _mirror(rollout: str, version: str, percent: int) -> dict[str, Any]:
    mirror: dict[str, Any] = {"backendRef": {"name": _backend(rollout, version), "port": _PORT}}
    if percent < 100:
        mirror["percent"] = percent
    return {"type": "RequestMirror", "requestMirror": mirror}


def read_route(body: Manifest | None, rollout: str, gateway: Gateway, host: str) -> Route:
    """Weights and mirror as the API server has them; what somebody else made of it is no route of ours."""
    if body is None:
        return Route()
    revision, spec = body["metadata"]["resourceVersion"], body.get("spec", {})
    rules, parents = spec.get("rules", []), spec.get("parentRefs", [])
    ours = [(one.get("namespace"), one.get("name")) for one in parents] == [(gateway.namespace, gateway.name)]
    if len(rules) != 1 or not ours or spec.get("hostnames") != [host] or rules[0].get("matches", []) not in _WHOLE:
        return Route(_FOREIGN.weights, {}, revision)
    weights = {
        version_of_backend(rollout, one["name"]): one.get("weight", 1) for one in rules[0].get("backendRefs", ())
    }
    mirror: dict[str, int] = {}
    for one in rules[0].get("filters", ()):
        if one.get("type") != "RequestMirror":
            return Route(_FOREIGN.weights, {}, revision)
        copied = one["requestMirror"]
        mirror[version_of_backend(rollout, copied["backendRef"]["name"])] = copied.get("percent", 100)
    return Route({version: weight for version, weight in weights.items() if weight}, mirror, revision)
