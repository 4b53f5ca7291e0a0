"""What the machine itself must have: root, and a few Debian packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scoreops.core.errors import NotReady

_PACKAGES: Final[Mapping[str, str]] = {
    "/usr/bin/containerd": "containerd",
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "sysctl": "procps",
    "/usr/sbin/debootstrap": "debootstrap",
    "/usr/bin/buildah": "buildah",
}
"""A file of each package, or a command that another package may give as well."""
_API_ONLY: Final = ("ip", "nsenter", "sysctl")


def missing(*, api_only: bool = False) -> list[str]:
    """Packages that are not installed; `api_only`: of those that the API server alone needs."""
    wanted = _API_ONLY if api_only else tuple(_PACKAGES)
    return [_PACKAGES[file] for file in wanted if not (shutil.which(file) or Path(file).exists())]


def install(packages: list[str]) -> str:
    """What to type."""
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


def check_root() -> None:
    """Raises NotReady for anybody but root."""
    if os.geteuid() != 0:
        raise NotReady("a cluster needs root, for namespaces, mounts and cgroups: run it with sudo")


def check(*, api_only: bool = False) -> None:
    """Raises NotReady, with what to type, when something is missing."""
    check_root()
    if packages := missing(api_only=api_only):
        raise NotReady(f"Debian packages are missing; install them with: {install(packages)}")
