"""What the processes of a cluster stand on: a network namespace and a mount namespace of their own.

Interfaces, routes and firewall rules belong to the one, mounts to the other, so all of them go when the namespaces do,
and the machine's own are never touched. In the cluster's view /run is empty at first: sockets and locks are its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from cluster.commands import run, runs
from cluster.place import NODE, SERVICES, Place

_HIDDEN: Final = ("/run", "/var/lib/cni", "/var/log/containers")
"""Folders of fixed name that containerd, the kubelet and CNI write to."""


def make(place: Place) -> None:
    """Make both namespaces and the link between the machine and the cluster. Nothing of the kind may be there."""
    place.volatile.mkdir(parents=True, exist_ok=True)
    run("mount", "--bind", place.volatile, place.volatile)
    run("mount", "--make-private", place.volatile)
    place.owner.write_text(f"{place.home}\n")
    _network(place)
    _mounts(place)


def exists(place: Place) -> bool:
    """Whether both namespaces are there."""
    return place.netns.exists() and place.mounts.is_file() and _mounted(place.mounts)


def remove(place: Place) -> None:
    """Remove what `make` made, or a part of it that a crash left. Every process must have ended."""
    if runs("ip", "link", "show", place.link):
        run("ip", "link", "delete", place.link)
    for mounted in (place.mounts, place.volatile):
        while _mounted(mounted):
            run("umount", mounted)
    if place.netns.exists():
        run("ip", "netns", "delete", place.name)
    shutil.rmtree(place.volatile, ignore_errors=True)
    if any(place.volatile.parent.glob(f"*/{place.mounts.name}")):
        return  # another cluster has mounts on these folders, and they would end with them
    for folder in _HIDDEN[1:]:
        try:
            Path(folder).rmdir()
        except OSError:  # it is not there, or somebody else uses it
            continue


def _network(place: Place) -> None:
    """The node's address on a veth pair, since the kubelet refuses a loopback address; no default route: what is for
    no address of the cluster fails at once and never leaves the machine.
    """
    run("ip", "netns", "add", place.name)
    within = ("ip", "-netns", place.name)
    run(*within, "link", "set", "lo", "up")
    run(*within, "link", "add", "knode", "type", "veth", "peer", "name", "knode-peer")
    run(*within, "address", "add", f"{NODE}/32", "dev", "knode")
    for link in ("knode", "knode-peer"):
        run(*within, "link", "set", link, "up")
    run(*within, "route", "add", SERVICES, "dev", "knode", "src", NODE)
    run("ip", "link", "add", place.link, "type", "veth", "peer", "name", "uplink", "netns", place.name)
    run("ip", "address", "add", f"{place.host}/30", "dev", place.link)
    run("ip", "link", "set", place.link, "up")
    run(*within, "address", "add", f"{place.inside}/30", "dev", "uplink")
    run(*within, "link", "set", "uplink", "up")
    run("nsenter", f"--net={place.netns}", "sysctl", "-qw", "net.ipv4.ip_forward=1")


def _mounts(place: Place) -> None:
    place.mounts.touch()
    for folder in _HIDDEN:
        Path(folder).mkdir(parents=True, exist_ok=True)
    steps = ["mount --make-rshared /", *(f"mount -t tmpfs -o mode=755 tmpfs {folder}" for folder in _HIDDEN)]
    run("unshare", f"--mount={place.mounts}", "--propagation", "private", "sh", "-ec", "\n".join(steps))


def _mounted(path: Path) -> bool:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(path) for line in lines)
