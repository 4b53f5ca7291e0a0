"""Discovery of pods for Prometheus, by its HTTP protocol: the one that Debian packs has none for Kubernetes.

`python -m cluster.discovery KUBECONFIG PORT` answers every GET on loopback with the prediction servers that run now.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cluster.inside import http
from cluster.kube import Manifest
from cluster.parts import part
from cluster.place import ROOT, Place
from operators.build.names import PODS, SERVED
from scoreops.adapters.kube import Kube, connect
from scoreops.core.errors import ScoreOpsError
from scoreops.local.service import Service

PORT: Final = 9099
_PORT_NAME: Final = "http1"
"""What KServe's convention calls the port of HTTP, which metrics share."""


def service(place: Place) -> Service:
    """The process, in the cluster's network."""
    arguments = ["-m", "cluster.discovery", str(place.kubeconfig), str(PORT)]
    env = {"PYTHONPATH": str(ROOT)}
    return part(place, "discovery", arguments, http(place, PORT, "/"), program=Path(sys.executable), env=env)


def targets(pods: Iterable[Manifest]) -> list[dict[str, Any]]:
    """Where pods that have an address can be scraped, with their namespace and name as labels."""
    found = []
    for pod in pods:
        meta, address = pod["metadata"], pod.get("status", {}).get("podIP")
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
        places = [f"{address}:{port['containerPort']}" for port in ports if port.get("name") == _PORT_NAME]
        if address and pod["status"].get("phase") == "Running" and places:
            found.append({"targets": places, "labels": {"namespace": meta["namespace"], "pod": meta["name"]}})
    return found


def _handler(kube: Kube) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, found = 200, json.dumps(targets(kube.list(PODS, None, labels=SERVED))).encode()
            except ScoreOpsError as error:  # Prometheus keeps what it knew
                status, found = 503, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *_: object) -> None:
            """One a second would fill the disk."""

    return Handler


def main(kubeconfig: str, port: str) -> None:
    """Answer until the process is ended."""
    ThreadingHTTPServer(("127.0.0.1", int(port)), _handler(connect(kubeconfig))).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
