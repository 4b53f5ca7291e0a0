"""Files out of the locked modules: definitions of kinds and settings, copied beside the programs once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from cluster.binaries import ENVIRONMENT, MODULES, go, group_folder
from cluster.commands import run
from cluster.locks import locked

_KSERVE: Final = ("kserve", "github.com/kserve/kserve")
_FILES: Final = {
    "gateway": ("contour", "sigs.k8s.io/gateway-api", "config/crd/experimental"),
    "contour": ("contour", "github.com/projectcontour/contour", "examples/contour"),
    "kserve": (*_KSERVE, "config/crd/full"),
    "kserve-webhook": (*_KSERVE, "config/webhook"),
    "kserve-configmap": (*_KSERVE, "config/configmap"),
    "kwok": ("kwok", "sigs.k8s.io/kwok", "kustomize/stage"),
}


def folder(name: str) -> Path:
    """The copy of one folder of a module, of the version that the group locks."""
    group, module, path = _FILES[name]
    target = group_folder(group) / "files" / name
    if target.exists():
        return target
    with locked(target.parent / f".{name}.lock"):
        if target.exists():
            return target
        told = json.loads(run(go(), "mod", "download", "-json", module, cwd=MODULES / group, env=ENVIRONMENT))
        part = target.with_name(f".{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(Path(told["Dir"]) / path, part, copy_function=shutil.copyfile)
        part.rename(target)
    return target


def fetch() -> None:
    """Copy all that are not there yet."""
    for name in _FILES:
        folder(name)
