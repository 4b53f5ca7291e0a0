"""Built images in the cache, as folders of the OCI layout, one for each image; versions of one share their layers."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from cluster import buildah
from cluster.binaries import cached

_NAME: Final = "io.containerd.image.name"
_TAG: Final = "org.opencontainers.image.ref.name"
_KEPT: Final = 3
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


def has(reference: str) -> bool:
    """Whether the image was built."""
    return _note(reference).exists()


def store(reference: str) -> None:
    """Keep an image that buildah has."""
    folder = _folder(reference)
    folder.mkdir(parents=True, exist_ok=True)
    buildah.push(reference, folder)
    listed = json.loads((folder / "index.json").read_text())["manifests"]
    described = next(one for one in listed if one.get("annotations", {}).get(_TAG) == "latest")
    note = {key: described[key] for key in ("mediaType", "digest", "size")}
    _note(reference).write_text(json.dumps(note))
    _forget(folder)


def _forget(folder: Path) -> None:
    """Keep the newest versions of an image, and the files that belong to them."""
    notes = sorted(folder.glob("*.note"), key=lambda note: note.stat().st_mtime, reverse=True)
    for note in notes[_KEPT:]:
        note.unlink()
    wanted: set[str] = set()
    for note in notes[:_KEPT]:
        digest = json.loads(note.read_text())["digest"]
        wanted |= {digest, *_parts(json.loads((folder / "blobs" / digest.replace(":", "/")).read_text()))}
    for blob in folder.glob("blobs/*/*"):
        if f"{blob.parent.name}:{blob.name}" not in wanted:
            blob.unlink()


def _parts(manifest: Mapping[str, Any]) -> list[str]:
    return [manifest["config"]["digest"], *(one["digest"] for one in manifest["layers"])]


def write(reference: str, out: IO[bytes]) -> None:
    """Write the image as a tar archive that containerd takes in under its full name."""
    described: dict[str, Any] = json.loads(_note(reference).read_text())
    manifest = json.loads(_blob(reference, described["digest"]).read_text())
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [described | {"annotations": {_NAME: reference}}],
    }
    with tarfile.open(fileobj=out, mode="w|") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(archive, "index.json", json.dumps(index).encode())
        for digest in dict.fromkeys([described["digest"], *_parts(manifest)]):
            archive.add(_blob(reference, digest), f"blobs/{digest.replace(':', '/')}", recursive=False)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _folder(reference: str) -> Path:
    return cached() / "images" / reference.rpartition("/")[2].partition(":")[0]


def _note(reference: str) -> Path:
    return _folder(reference) / f"{reference.rpartition(':')[2]}.note"


def _blob(reference: str, digest: str) -> Path:
    return _folder(reference) / "blobs" / digest.replace(":", "/")
