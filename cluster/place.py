"""Where a cluster lives: its name, its folders and its addresses."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scoreops.core.errors import BadInput

ROOT: Final = Path(__file__).resolve().parents[1]
NODE: Final = "10.230.0.1"
"""Address of the node, inside the network namespace of the cluster."""
NODE_NAME: Final = "node"
PODS: Final = "10.232.0.0/24"
SERVICES: Final = "10.96.0.0/16"
API_SERVICE: Final = "10.96.0.1"
DOMAIN: Final = "cluster.local"
HOST_NAME: Final = "host.scoreops.internal"
"""Name under which pods find this machine."""
API_PORT: Final = 6443
GATEWAY_PORT: Final = 16_080
"""Where Envoy listens for port 8080 of the Gateway: Contour adds 8,000."""
STATS_PORT: Final = 8002
"""Where Envoy shows its metrics."""
_DEFAULT: Final = "scoreops"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Place:
    """One cluster. Two of them on one machine differ in name and home, and share nothing."""

    name: str
    home: Path

    @property
    def number(self) -> int:
        """0 for the usual name, else 1 to 254: the part of the machine's side of the network that is its own."""
        return 0 if self.name == _DEFAULT else zlib.crc32(self.name.encode()) % 254 + 1

    @property
    def link(self) -> str:
        """Network interface of the machine that leads into the cluster."""
        return f"scoreops-{self.number}"

    @property
    def host(self) -> str:
        """Address of the machine as the cluster sees it: what pods may use listens there."""
        return f"10.231.{self.number}.1"

    @property
    def inside(self) -> str:
        """Address of the cluster as the machine sees it, also known inside: API server and gateway."""
        return f"10.231.{self.number}.2"

    @property
    def api_url(self) -> str:
        """URL of the API server, good on both sides."""
        return f"https://{self.inside}:{API_PORT}"

    @property
    def gateway_url(self) -> str:
        """URL of the gateway, good on both sides."""
        return f"http://{self.inside}:{GATEWAY_PORT}"

    @property
    def netns(self) -> Path:
        """The network namespace of all processes."""
        return Path("/run/netns") / self.name

    @property
    def volatile(self) -> Path:
        """Folder of what holds the mount namespace, and of the lock."""
        return Path("/run/scoreops") / self.name

    @property
    def mounts(self) -> Path:
        """The mount namespace of all processes."""
        return self.volatile / "mounts"

    @property
    def lock(self) -> Path:
        """Who starts or stops the cluster holds this file."""
        return Path("/run/scoreops") / f"{self.name}.lock"

    @property
    def owner(self) -> Path:
        """Names the home of the cluster that has the name now."""
        return self.volatile / "home"

    @property
    def cgroup(self) -> str:
        """Parent of all pods' cgroups."""
        return f"/scoreops-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.home / "kubeconfig"

    @property
    def logs(self) -> Path:
        """A file for each component."""
        return self.home / "logs"

    def folder(self, name: str) -> Path:
        """A folder below home, made when it is missing."""
        made = self.home / name
        made.mkdir(parents=True, exist_ok=True)
        return made

    def enter(self, argv: Sequence[str]) -> list[str]:
        """`argv` as run inside the cluster's network and mounts."""
        return ["nsenter", f"--net={self.netns}", f"--mount={self.mounts}", "--", *argv]


def here(environ: Mapping[str, str] = os.environ) -> Place:
    """The cluster of this checkout: `scoreops`, or what CLUSTER_NAME says. Raises BadInput for a name that is none."""
    name = environ.get("CLUSTER_NAME", _DEFAULT)
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name for a cluster: letters, digits and '-', at most 31", "CLUSTER_NAME")
    return Place(name, ROOT / ".run" / ("cluster" if name == _DEFAULT else f"cluster-{name}"))
