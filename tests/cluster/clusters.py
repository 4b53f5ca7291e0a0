"""What tests do with a real cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.images import reference
from cluster.kube import kubectl
from cluster.place import Place, here
from scoreops.core.errors import NotReady
from scoreops.local.service import Service

T = TypeVar("T")
_POLL_S = 0.25
_LOCKED_DOWN = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def eventually(call: Callable[[], T], within_s: float = 60.0) -> T:
    """What `call` returns as soon as it is true and raises neither AssertionError, NotReady nor OSError."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if found := call():
                return found
            said: object = found
        except (AssertionError, NotReady, OSError) as error:
            said = error
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {said}"
        time.sleep(_POLL_S)


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    place: Place

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return kubectl(self.place, *arguments, given=given)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def create(self, *manifests: Mapping[str, Any]) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "items": manifests}
        self.kubectl("create", "-f", "-", given=json.dumps(whole))

    def wait(self, what: str, condition: str, namespace: str, within_s: int = 90) -> None:
        self.kubectl("wait", what, f"--for={condition}", "-n", namespace, f"--timeout={within_s}s")


def pod(name: str, namespace: str, image: str, command: Sequence[str] = (), **labels: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": reference(image), "securityContext": _LOCKED_DOWN}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "containers": [container | ({"command": list(command)} if command else {})],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
        },
    }


def audited(place: Place) -> Iterator[dict[str, Any]]:
    """What the API server wrote down of each request, the oldest first; it begins a new file now and then."""
    for file in (*sorted(place.logs.glob("audit-*.jsonl")), place.logs / "audit.jsonl"):
        with file.open() as lines:
            yield from map(json.loads, lines)


def cluster_of(name: str) -> Place:
    return here({"CLUSTER_NAME": name})


@contextmanager
def without(*services: Service) -> Iterator[None]:
    """They are down within the block."""
    for service in services:
        service.stop()
    try:
        yield
    finally:
        for service in services:
            service.start()
            service.wait()
