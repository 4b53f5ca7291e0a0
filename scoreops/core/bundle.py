"""A bundle: everything that makes one version of a score, as files that are promoted and rolled back as one unit.

`bundle.json` is the manifest; it names every other file with its SHA-256. The digest of a bundle is that of its
manifest. Nothing in it comes from a clock, so the same training data gives the same bundle.
"""

from __future__ import annotations

import hashlib
import pickletools
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scoreops.core.drift import Sketch
from scoreops.core.errors import BadInput
from scoreops.core.spec import Schema

MANIFEST: Final = "bundle.json"
MAX_BYTES: Final = 2**31
"""Largest bundle: what one ONNX file, a protocol buffer, may hold."""
MAX_TOLERANCE: Final = 0.01
"""Largest distance, relative or absolute, at which a golden answer still says something."""
FORBIDDEN_SUFFIXES: Final = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".skops")
_PICKLE_MAGIC: Final = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_ZIP_MAGIC: Final = b"PK\x03\x04"
_IMPORTS: Final = ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
"""What a pickle of the oldest protocols, which have no magic, needs to run something."""


class TensorSpec(BaseModel):
    """One tensor of the v2 protocol; -1 in `shape` is the batch. An `optional` input may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


class Golden(BaseModel):
    """Requests with the answers that the exported model gave at export; a server repeats them before it is ready."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    tolerance: float = Field(1e-6, ge=0, le=MAX_TOLERANCE)


class Manifest(BaseModel):
    """What a bundle says about itself.

    A bundle of flavour "score" is one of the catalog's scores, whose code knows its files. One of flavour "onnx"
    describes itself: `model.onnx` takes and gives the tensors of `inputs` and `outputs`, and `columns`, where there are
    any, name the columns of the first input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: str
    flavour: Literal["score", "onnx"] = "score"
    rowwise: bool = Field(False, description="Flavour onnx: whether the answer to a row never depends on others.")
    columns: tuple[str, ...]
    schema_hash: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    thresholds: dict[str, float]
    metrics: dict[str, float]
    training_data: str = Field(description="SHA-256 of the training rows.")
    trained_until: str = Field(description="Event time up to which rows were used, ISO 8601.")
    reference: dict[str, Sketch]
    importance: dict[str, float]
    golden: Golden
    files: dict[str, str]


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def pack(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """All files of the bundle with its manifest. Raises BadInput when a file could be a pickle or is in a subfolder."""
    for name, data in files.items():
        _check_name(name)
        _refuse_pickle(name, data)
    complete = manifest.model_copy(update={"files": {name: sha256(files[name]) for name in sorted(files)}})
    return {**files, MANIFEST: (complete.model_dump_json(indent=1) + "\n").encode()}


def unpack(files: Mapping[str, bytes]) -> Manifest:
    """The manifest, once every file was found to be what it names. Raises BadInput with what differs."""
    if MANIFEST not in files:
        raise BadInput(f"the bundle has no {MANIFEST}")
    try:
        manifest = Manifest.model_validate_json(files[MANIFEST])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{MANIFEST} does not fit its schema: {where + ': ' if where else ''}{first['msg']}") from error
    if Schema(manifest.columns).hash != manifest.schema_hash:
        raise BadInput("the schema hash is not that of the columns", MANIFEST)
    for name in manifest.files:
        _check_name(name)
    missing = sorted(set(manifest.files) - set(files))
    unknown = sorted(set(files) - set(manifest.files) - {MANIFEST})
    if missing or unknown:
        raise BadInput(f"missing files {missing}, files that the manifest does not name {unknown}", MANIFEST)
    for name, digest in manifest.files.items():
        _refuse_pickle(name, files[name])
        if sha256(files[name]) != digest:
            raise BadInput("its bytes are not those that were registered", name)
    return manifest


def digest(files: Mapping[str, bytes]) -> str:
    """The identity of a bundle."""
    return sha256(files[MANIFEST])


def _check_name(name: str) -> None:
    if not name or name.startswith(".") or name == MANIFEST or any(letter in name for letter in "/\\\0"):
        raise BadInput(f"{name[:80]!r} cannot be the name of a file in a bundle: bundles are flat", MANIFEST)


def _refuse_pickle(name: str, data: bytes) -> None:
    if name.lower().endswith(FORBIDDEN_SUFFIXES) or is_pickle(data):
        raise BadInput("looks like a pickle; bundles hold ONNX, JSON and plain arrays", name)


def is_pickle(data: bytes) -> bool:
    """Whether `data` could run something when unpickled, or is an archive that holds a pickle, as torch writes it."""
    if data[:2] in _PICKLE_MAGIC or (data.startswith(_ZIP_MAGIC) and b".pkl" in data):
        return True
    seen = set()
    try:
        for code, _, _ in pickletools.genops(data):  # reads, runs nothing; stops at the first byte that is no pickle's
            seen.add(code.name)
    except (ValueError, OverflowError, MemoryError):
        return False
    return not seen.isdisjoint(_IMPORTS)
