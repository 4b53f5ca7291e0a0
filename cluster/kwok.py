"""kwok: plays the kubelet of nodes that do not exist, beside the real one, for thousands of objects."""

from __future__ import annotations

from typing import Final

from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import Place
from cluster.sources import folder
from scoreops.local.service import Service

_PORT: Final = 10_247
ANNOTATION: Final = "kwok.x-k8s.io/node=fake"
"""Of the nodes that it plays."""


def service(place: Place) -> Service:
    """Fake nodes and their pods."""
    stages = [file for name in ("pod/fast", "node/fast", "node/heartbeat") for file in _stages(name)]
    arguments = flags(
        {
            "kubeconfig": place.kubeconfig,
            "manage_all_nodes": False,
            "manage_nodes_with_annotation_selector": ANNOTATION,
            "server_address": f"127.0.0.1:{_PORT}",
            "config": place.home / "kwok.yaml",
        }
    )
    files = {place.home / "kwok.yaml": "\n---\n".join(stages)}
    return part(place, "kwok", arguments, http(place, _PORT, "/healthz"), files=files)


def _stages(name: str) -> list[str]:
    files = sorted((folder("kwok") / name).glob("*.yaml"))
    return [file.read_text() for file in files if file.name != "kustomization.yaml"]
