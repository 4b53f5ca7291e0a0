"""Where bundles come from: the registry, by alias, or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from predictors.lineup import version_order
from scoreops.adapters.bundles import read_folder
from scoreops.adapters.registry import CHAMPION, PREVIOUS, Registry
from scoreops.core.bundle import MANIFEST
from scoreops.core.errors import NotFound


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


class FolderSource:
    """DIR/<model>/bundle.json, or DIR/<model>/<version>/bundle.json where the highest version is the champion and the
    next one `previous`.

    A server of one model also takes DIR/bundle.json. A bundle outside a version's folder is version "1".
    """

    immutable = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def aliases(self, model: str) -> dict[str, str]:
        folders = sorted(self._folders(model), key=version_order)
        if not folders:
            raise NotFound(f"{self._root} holds no bundle of {model}: there is no {model}/{MANIFEST}")
        return {CHAMPION: folders[-1]} | ({PREVIOUS: folders[-2]} if len(folders) > 1 else {})

    def fetch(self, model: str, version: str) -> Mapping[str, bytes]:
        folder = self._folders(model).get(version)
        if folder is None:
            raise NotFound(f"{self._root} holds no version {version} of {model}")
        return read_folder(folder)

    def _folders(self, model: str) -> dict[str, Path]:
        for folder in (self._root / model, self._root):
            if (folder / MANIFEST).is_file():
                return {"1": folder}
        return {file.parent.name: file.parent for file in (self._root / model).glob(f"*/{MANIFEST}")}
