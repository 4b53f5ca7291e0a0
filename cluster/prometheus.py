"""Prometheus, which scrapes the pods of prediction servers every second.

It is no part of any level: who judges rollouts starts it beside a cluster that runs.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from cluster import discovery
from cluster.parts import flags, part
from cluster.place import Place
from scoreops.core.errors import NotReady
from scoreops.local import probes
from scoreops.local.service import Service

PORT: Final = 9090


def url(place: Place) -> str:
    """Where it answers, good on both sides."""
    return f"http://{place.inside}:{PORT}"


def config() -> dict[str, Any]:
    """Its configuration file: pods of InferenceServices."""
    found = [{"url": f"http://127.0.0.1:{discovery.PORT}/", "refresh_interval": "1s"}]
    job = {"job_name": "predictors", "http_sd_configs": found}
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}


def start(place: Place) -> None:
    """Start it, with what finds its targets, and wait until both are ready. Raises NotReady."""
    both = (discovery.service(place), service(place))
    for one in both:
        one.start()
    for one in both:
        one.wait()


def service(place: Place) -> Service:
    """The process. Raises NotReady when the program is missing."""
    program = shutil.which("prometheus")
    if program is None:
        raise NotReady("prometheus is missing: apt-get install -y --no-install-recommends prometheus")
    file = place.home / "prometheus.yml"
    arguments = flags({"config.file": file, "storage.tsdb.path": place.home / "prometheus"})
    arguments.append(f"--web.listen-address={place.inside}:{PORT}")
    ready = probes.http(place.inside, PORT, "/-/ready")
    files = {file: json.dumps(config())}
    return part(place, "prometheus", arguments, ready, program=Path(program), files=files)
