"""Where bundles come from: the registry, by alias, or a folder, on this machine or in a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from predictors.lineup import version_order
from scoreops.adapters.registry import CHAMPION, PREVIOUS, Registry
from scoreops.adapters.storage import Storage
from scoreops.core.bundle import MANIFEST, MAX_BYTES
from scoreops.core.errors import BadInput, NotFound

ALONE: Final = "1"
"""Version of a bundle that lies in no version's folder."""


class Source(Protocol):
    """Versions by alias, and the files of a version. `immutable`: a version's files never change."""

    immutable: bool

    def aliases(self, model: str) -> Mapping[str, str]:
        """Which version each alias names now. Raises NotFound for an unknown model, NotReady when out of reach."""
        ...

    def fetch(self, model: str, version: str) -> Mapping[str, bytes]:
        """The files of a version. Raises BadInput when they are not those that were registered, NotReady as above."""
        ...


class RegistrySource:
    """Aliases of the model registry."""

    immutable = True

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def aliases(self, model: str) -> dict[str, str]:
        return {alias: str(number) for alias, number in self._registry.aliases(model).items()}

    def fetch(self, model: str, version: str) -> Mapping[str, bytes]:
        return self._registry.fetch(model, version)[1]


class PinnedSource:
    """`source`, in which the champion of some models is the version or alias that `pins` name, and nothing else."""

    def __init__(self, source: Source, pins: Mapping[str, str]) -> None:
        self._source = source
        self._pins = pins
        self.immutable = source.immutable

    def aliases(self, model: str) -> Mapping[str, str]:
        pin = self._pins.get(model)
        if pin is None:
            return self._source.aliases(model)
        return {CHAMPION: pin if pin.isdecimal() else self._named(model, pin)}

    def fetch(self, model: str, version: str) -> Mapping[str, bytes]:
        return self._source.fetch(model, version)

    def _named(self, model: str, alias: str) -> str:
        found = self._source.aliases(model)
        if alias not in found:
            raise NotFound(f"{model} has no alias {alias!r}; it has {', '.join(sorted(found)) or 'none'}")
        return found[alias]


class FolderSource:
    """ROOT/<model>/bundle.json, or ROOT/<model>/<version>/bundle.json where the highest version is the champion and the
    next one `previous`. ROOT is a folder on this machine or `s3://BUCKET/PREFIX`.

    A server of one model also takes ROOT/bundle.json. A bundle outside a version's folder is version "1". A version is
    there once its manifest is, so whoever copies one writes the manifest last.
    """

    immutable = False

    def __init__(self, root: str | Path) -> None:
        self._storage = Storage(root)

    def aliases(self, model: str) -> dict[str, str]:
        found = self._newest(model)
        if not found:
            raise NotFound(f"{self._storage.root} holds no bundle of {model}: there is no {model}/{MANIFEST}")
        return dict(zip((CHAMPION, PREVIOUS), found, strict=False))

    def fetch(self, model: str, version: str) -> Mapping[str, bytes]:
        own = f"{model}/{version}"
        for folder in (model, own, "") if version == ALONE else (own,):
            _, files = self._storage.listing(folder)
            if MANIFEST not in files:
                continue
            if sum(files.values()) > MAX_BYTES:
                raise BadInput(f"holds {sum(files.values())} bytes, more than the {MAX_BYTES} of any bundle", folder)
            return self._storage.read(folder, sorted(files))
        raise NotFound(f"{self._storage.root} holds no version {version} of {model}")

    def _newest(self, model: str) -> list[str]:
        """The two highest versions, the highest first; fewer where there are fewer."""
        folders, files = self._storage.listing(model)
        if MANIFEST in files:
            return [ALONE]
        ordered = sorted(folders, key=version_order, reverse=True)
        complete = (version for version in ordered if self._storage.has(f"{model}/{version}/{MANIFEST}"))
        return list(islice(complete, 2)) or [ALONE] * self._storage.has(MANIFEST)
