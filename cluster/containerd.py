"""containerd with its own root, state and socket, and a bridge for the pods."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from cluster.commands import run, runs
from cluster.parts import part
from cluster.place import PODS, Place
from scoreops.core.errors import NotReady
from scoreops.local.service import Service, recorded

SOCKET: Final = "/run/containerd.sock"
"""In the cluster's own /run."""
_PLUGINS: Final = "/usr/lib/cni"
_NAMESPACE: Final = "k8s.io"


def config(place: Place, pause: str) -> str:
    """The configuration file, TOML. `restrict_oom_score_adj`: it starts pods where it may not lower its own score."""
    home = place.home / "containerd"
    return f"""version = 2
root = "{home}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_PLUGINS}"
    conf_dir = "{place.home / "cni"}"
"""


def network() -> dict[str, Any]:
    """How a pod gets its address. What pods send to this machine carries the cluster's address on the link."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "dataDir": "/run/cni",
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isDefaultGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}


def service(place: Place, pause: str) -> Service:
    """The container runtime; `pause` is the image that holds a pod together."""
    file = place.home / "containerd.toml"

    def prepare() -> None:
        _in_use(place).parent.mkdir(parents=True, exist_ok=True)
        _in_use(place).touch()

    def ready() -> bool:
        return runs(*_ctr(place, "plugins", "ls", "-q", "id==cri"))

    program = shutil.which("containerd")
    if program is None:
        raise NotReady("containerd is missing: python -m cluster doctor")
    files = {file: config(place, pause), place.home / "cni" / "pods.conflist": json.dumps(network())}
    arguments = ["--config", str(file)]
    return part(place, "containerd", arguments, ready, program=Path(program), files=files, prepare=prepare)


def images(place: Place) -> set[str]:
    """Names of the images that it has."""
    return set(run(*_ctr(place, "images", "ls", "-q")).split())


def blobs(place: Place) -> set[str]:
    """Digests of what its images are made of."""
    return set(run(*_ctr(place, "content", "ls", "-q")).split())


def load(place: Place, write: Callable[[IO[bytes]], None]) -> None:
    """Take in an image from the archive that `write` writes. Raises NotReady when that fails."""
    argv = _ctr(place, "images", "import", "-")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as taking:
        assert taking.stdin is not None
        assert taking.stderr is not None
        try:
            write(taking.stdin)
            taking.stdin.close()
        except BrokenPipeError:
            pass
        said = taking.stderr.read().decode(errors="replace")
    if taking.returncode:
        raise NotReady(f"containerd does not take the image: {said.strip()}")


def clear(place: Place) -> None:
    """Remove every container, so that only images are left; if it does not run, what it remembers of containers is
    wrong by now, and all of it is forgotten. Their processes must have ended.
    """
    if recorded(place.home, "containerd"):
        for container in run(*_ctr(place, "containers", "ls", "-q")).split():
            runs(*_ctr(place, "tasks", "rm", "--force", container))
            run(*_ctr(place, "containers", "rm", container))
        _in_use(place).unlink(missing_ok=True)
    elif _in_use(place).exists():
        shutil.rmtree(place.home / "containerd")


def _in_use(place: Place) -> Path:
    return place.home / "containerd" / "in-use"


def _ctr(place: Place, *arguments: str) -> list[str]:
    return place.enter(["ctr", "--address", SOCKET, "--namespace", _NAMESPACE, *arguments])
