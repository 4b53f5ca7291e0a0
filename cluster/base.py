"""The image that others are built on: Debian with its Python, made by debootstrap."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from cluster import buildah
from cluster.binaries import cached
from cluster.commands import run

_SUITE: Final = "bookworm"
_PACKAGES: Final = ("python3", "python3-venv", "libgomp1")
_LEFT_OUT: Final = (
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
)
_DOCKERFILE: Final = 'FROM scratch\nADD base.tar /\nCMD ["python3"]\n'


def reference() -> str:
    """Its full name."""
    parts = "\n".join((_SUITE, *_PACKAGES, *_LEFT_OUT, _DOCKERFILE))
    return f"localhost/scoreops-base:{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def build() -> str:
    """Make it if it is missing. Returns its full name. Raises NotReady when that fails."""
    wanted = reference()
    if buildah.has(wanted):
        return wanted
    cached().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached()) as made:
        tree, context = Path(made) / "tree", Path(made) / "context"
        context.mkdir()
        run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, tree)
        left_out = [f"--exclude=./{pattern}" for pattern in _LEFT_OUT]
        run("tar", "--create", f"--file={context / 'base.tar'}", f"--directory={tree}", *left_out, ".")
        shutil.rmtree(tree)
        (context / "Dockerfile").write_text(_DOCKERFILE)
        buildah.build(wanted, context / "Dockerfile", context)
    return wanted
