"""The programs of a cluster, compiled from locked Go modules into a cache outside the checkout.

Each folder of cluster/go is a module that does nothing but lock one group of programs. A group's place in the cache is
named after its go.mod, its go.sum and the compiler, so a change of any of them means another place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from cluster.commands import run
from cluster.locks import locked
from cluster.place import ROOT
from scoreops.core.errors import NotReady, Unsupported

MODULES: Final = ROOT / "cluster" / "go"
_KUBERNETES: Final = "v1.34.4"
_STAMP: Final = " ".join(
    f"-X k8s.io/component-base/version.git{key}={value}"
    for key, value in (("Version", _KUBERNETES), ("Major", "1"), ("Minor", "34"))
)


class Binary(NamedTuple):
    """A program: the group that locks it, the package that it is, and flags for its linker."""

    group: str
    package: str
    link: str = ""


BINARIES: Final[Mapping[str, Binary]] = {
    "etcd": Binary("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": Binary("k8s", "k8s.io/kubernetes/cmd/kube-apiserver", _STAMP),
    "kubectl": Binary("k8s", "k8s.io/kubernetes/cmd/kubectl", _STAMP),
    "kube-controller-manager": Binary("k8s", "k8s.io/kubernetes/cmd/kube-controller-manager", _STAMP),
    "kube-scheduler": Binary("k8s", "k8s.io/kubernetes/cmd/kube-scheduler", _STAMP),
    "kubelet": Binary("k8s", "k8s.io/kubernetes/cmd/kubelet", _STAMP),
    "kube-proxy": Binary("k8s", "k8s.io/kubernetes/cmd/kube-proxy", _STAMP),
    "coredns": Binary("coredns", "github.com/coredns/coredns"),
    "kserve": Binary("kserve", "github.com/kserve/kserve/cmd/manager"),
    "contour": Binary("contour", "github.com/projectcontour/contour/cmd/contour"),
    "kwok": Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "pause": Binary("pause", "."),
}


def cached() -> Path:
    """Where everything is kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scoreops" / "cluster"


@cache
def go() -> str:
    """The Go compiler. Raises NotReady when there is none."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        raise NotReady("`go` is not on the PATH nor in /usr/local/go/bin; the cluster needs Go 1.26 or newer")
    return found


@cache
def _compiler() -> str:
    return run(go(), "env", "GOVERSION", "GOARCH", env={"GOTOOLCHAIN": "local"})


@cache
def group_folder(group: str) -> Path:
    """Where the programs and the manifests of a group are kept."""
    module = MODULES / group
    parts = [file.read_bytes() for file in sorted(module.iterdir())]
    digest = hashlib.sha256(b"\0".join([*parts, _compiler().encode()])).hexdigest()[:12]
    return cached() / f"{group}-{digest}"


def path(name: str) -> Path:
    """Where a program is, or will be. Raises Unsupported for another name."""
    if name not in BINARIES:
        raise Unsupported(f"{name!r} is not one of {', '.join(BINARIES)}")
    return group_folder(BINARIES[name].group) / "bin" / name


def built(name: str) -> Path:
    """The program. Raises NotReady when it was not compiled yet."""
    found = path(name)
    if not found.exists():
        raise NotReady(f"{name} is not compiled yet: python -m cluster build")
    return found


def missing() -> list[str]:
    """Programs that were not compiled yet."""
    return [name for name in BINARIES if not path(name).exists()]


def build(name: str) -> Path:
    """Compile a program if it is missing. Raises NotReady when that fails."""
    target, (group, package, link) = path(name), BINARIES[name]
    with locked(target.parent / f".{name}.lock"):
        if target.exists():
            return target
        part = target.with_name(f".{name}.part")
        flags = ["-trimpath", "-ldflags", f"-s -w {link}".strip(), "-o", str(part)]
        run(go(), "build", *flags, package, cwd=MODULES / group, env=ENVIRONMENT)
        part.rename(target)
    return target


ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
"""How Go is run: static programs, this compiler and no other, nothing but what go.sum names."""
