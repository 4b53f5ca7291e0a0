"""Prometheus, which finds the prediction servers by the API server and scrapes their pods every second.

It is no part of any level: who judges rollouts starts it beside a cluster that runs.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from cluster.parts import flags, part
from cluster.place import Place
from scoreops.core.errors import NotReady
from scoreops.local import probes
from scoreops.local.service import Service

PORT: Final = 9090
_POD: Final = "__meta_kubernetes_pod_"
_SERVED: Final = f"{_POD}label_serving_kserve_io_inferenceservice"


def url(place: Place) -> str:
    """Where it answers, good on both sides."""
    return f"http://{place.inside}:{PORT}"


def config(place: Place) -> dict[str, Any]:
    """Its configuration file: pods of InferenceServices, with their namespace and pod as labels."""
    kept = [
        {"source_labels": [_SERVED], "regex": ".+", "action": "keep"},
        {"source_labels": [f"{_POD}container_port_name"], "regex": "http1", "action": "keep"},
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_POD}name"], "target_label": "pod"},
    ]
    found = [{"role": "pod", "kubeconfig_file": str(place.kubeconfig)}]
    job = {"job_name": "predictors", "kubernetes_sd_configs": found, "relabel_configs": kept}
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}


def service(place: Place) -> Service:
    """The process. Raises NotReady when the program is missing."""
    program = shutil.which("prometheus")
    if program is None:
        raise NotReady("prometheus is missing: apt-get install -y --no-install-recommends prometheus")
    file = place.home / "prometheus.yml"
    arguments = flags({"config.file": file, "storage.tsdb.path": place.home / "prometheus"})
    arguments.append(f"--web.listen-address={place.inside}:{PORT}")
    ready = probes.http(place.inside, PORT, "/-/ready")
    files = {file: json.dumps(config(place))}
    return part(place, "prometheus", arguments, ready, program=Path(program), files=files)
