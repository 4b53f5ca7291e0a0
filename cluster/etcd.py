"""etcd on loopback. Nothing is synced to disk: a cluster whose etcd died begins anew."""

from __future__ import annotations

from typing import Final

from cluster.inside import http
from cluster.parts import flags, part
from cluster.place import Place
from scoreops.local.service import Service

PORT: Final = 2379
URL: Final = f"http://127.0.0.1:{PORT}"


def service(place: Place) -> Service:
    """The store behind the API server."""
    arguments = flags(
        {
            "data_dir": place.home / "etcd",
            "listen_client_urls": URL,
            "advertise_client_urls": URL,
            "listen_peer_urls": "http://127.0.0.1:2380",
            "unsafe_no_fsync": True,
            "log_level": "warn",
            "quota_backend_bytes": 2 << 30,
            "auto_compaction_retention": "30m",
        }
    )
    return part(place, "etcd", arguments, http(place, PORT, "/health"))
