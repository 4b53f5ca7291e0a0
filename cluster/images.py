"""Images of the cluster: which there are, and how they get from the cache into containerd.

An image is named after a digest of all that goes into it, so building it again is asking whether it is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from cluster import archives, base, binaries, buildah, containerd, wheels
from cluster.locks import locked
from cluster.place import ROOT, Place
from scoreops.core.errors import NotReady, Unsupported

FOLDER: Final = ROOT / "cluster" / "images"
_LOCKS: Final = ROOT / "requirements"


class Image(NamedTuple):
    """What goes into an image beside its Dockerfile: a lock of Python packages, and folders of this project."""

    lock: str = ""
    content: tuple[str, ...] = ()


IMAGES: Final[Mapping[str, Image]] = {
    "pause": Image(),
    "predictors": Image("predictors.txt", ("scoreops", "predictors", "feature_repo")),
    "platform": Image(
        "base.txt",
        ("scoreops", "predictors", "feature_repo", "ingestion", "kfp_pipelines", "console", "operators"),
    ),
}


def of_level(level: str) -> tuple[str, ...]:
    """Images that a cluster of a level has."""
    return {"node": ("pause",), "full": tuple(IMAGES)}.get(level, ())


@cache
def reference(name: str) -> str:
    """Full name of an image, with the digest of what goes into it. Raises Unsupported for a name that is none."""
    if name not in IMAGES:
        raise Unsupported(f"{name!r} is not one of {', '.join(IMAGES)}")
    lock, content = IMAGES[name]
    digest = hashlib.sha256((FOLDER / name / "Dockerfile").read_bytes())
    if name == "pause":
        digest.update(str(binaries.path("pause")).encode())
    else:
        digest.update(base.reference().encode() + (_LOCKS / lock).read_bytes())
    for path in content:
        for file in _files(ROOT / path):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return f"localhost/scoreops-{name}:{digest.hexdigest()[:12]}"


def build(name: str, tell: Callable[[str], None]) -> str:
    """Build an image if it is missing. Returns its full name. Raises NotReady when that fails."""
    wanted = reference(name)
    if not archives.has(wanted):
        with locked(binaries.cached() / "images" / ".lock"):
            if not archives.has(wanted):
                _build(name, wanted, tell)
    return wanted


def _build(name: str, wanted: str, tell: Callable[[str], None]) -> None:
    dockerfile = FOLDER / name / "Dockerfile"
    if name == "pause":
        buildah.build(wanted, dockerfile, binaries.build("pause").parent)
    else:
        tell(f"image {name}: base")
        below = base.build()
        tell(f"image {name}: packages")
        packages = wheels.fetch(_LOCKS / IMAGES[name].lock)
        tell(f"image {name}: build")
        arguments = {"BASE": below, "PIP_FLAGS": f"--no-index --find-links={buildah.WHEELS}"}
        buildah.build(wanted, dockerfile, ROOT, arguments=arguments, packages=packages)
    tell(f"image {name}: archive")
    archives.store(wanted)
    buildah.forget_others(wanted)


def load(place: Place, names: tuple[str, ...]) -> None:
    """Give images to containerd that it does not have. Raises NotReady when one was not built."""
    if not names:
        return
    there = containerd.images(place)
    for name in names:
        wanted = reference(name)
        if wanted in there:
            continue
        if not archives.has(wanted):
            raise NotReady(f"image {name} is not built as the code is now: python -m cluster images")
        containerd.load(place, partial(archives.write, wanted))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    yield from (file for file in sorted(path.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)
