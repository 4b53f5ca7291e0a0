"""Bundles as folders on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scoreops.core.bundle import MANIFEST
from scoreops.core.errors import BadInput, NotFound


def write_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files of a bundle; the manifest last, so that a folder with a manifest is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == MANIFEST):
        target = folder / name
        if target.parent.resolve() != folder.resolve():
            raise BadInput("a bundle is flat", name)
        target.write_bytes(files[name])
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a bundle, not yet checked (`scoreops.core.bundle.unpack` does). Raises NotFound."""
    if not (folder / MANIFEST).is_file():
        raise NotFound(f"{folder} holds no bundle: there is no {MANIFEST}")
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}
