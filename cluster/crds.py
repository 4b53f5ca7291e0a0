"""Kinds that are not Kubernetes' own: Gateway API, Contour's and KServe's, as their modules define them."""

from __future__ import annotations

from pathlib import Path

from cluster.kube import apply, established
from cluster.place import Place
from cluster.sources import folder


def files() -> list[Path]:
    """Files of the definitions."""
    gateway = [file for file in sorted(folder("gateway").glob("*.yaml")) if file.name != "kustomization.yaml"]
    kserve = sorted(folder("kserve").glob("serving.kserve.io_*.yaml"))
    storage = sorted(folder("kserve").glob("clusterstoragecontainer/serving.kserve.io_*.yaml"))
    return [*gateway, folder("contour") / "01-crds.yaml", *kserve, *storage]


def install(place: Place) -> None:
    """Define all and wait until they can be used: KServe and Contour end at once where one is missing.

    It is done once in the life of a cluster, since it keeps the API server busy for seconds.
    """
    done, wanted = place.home / "kinds", "\n".join(map(str, files()))
    if done.exists() and done.read_text() == wanted:
        return
    apply(place, files=files())
    established(place)
    done.write_text(wanted)
