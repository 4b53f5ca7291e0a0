"""What the kernel must let root do: tried on things that are gone at once, as a container's root often may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster import cgroups
from cluster.commands import run
from scoreops.core.errors import NotReady

_OVERLAY: Final = (
    "mount -t tmpfs tmpfs /run; mkdir /run/a /run/b /run/c /run/d;"
    " mount -t overlay -o lowerdir=/run/a,upperdir=/run/b,workdir=/run/c overlay /run/d"
)
_TRIES: Final[Mapping[str, str]] = {
    "mounts of its own": "mount -t tmpfs tmpfs /run",
    "overlay mounts": _OVERLAY,
    "network interfaces": "ip link add scoreops-a type veth peer name scoreops-b",
    "firewall rules": "iptables -t nat -N SCOREOPS -w",
}
"""Each within namespaces that end with it."""


def refused() -> list[str]:
    """What root may not do on this machine, with what the kernel said; empty where a cluster can run."""
    found = []
    for name, script in _TRIES.items():
        try:
            run("unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", script)
        except NotReady as error:
            found.append(f"no {name}: {str(error).rpartition(': ')[2]}")
    try:
        for hierarchy in cgroups.hierarchies():
            tried = hierarchy / "scoreops-tried"
            tried.mkdir(exist_ok=True)
            tried.rmdir()
    except OSError as error:
        found.append(f"no cgroups: {error}")
    return found
