"""Python packages for images, fetched by the host's pip with its own settings, each with its hash checked."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Final

from cluster.binaries import cached
from cluster.commands import run

_NOT_WANTED: Final = "nvidia-"
"""Libraries for graphics cards, which xgboost asks for and does without."""
_OF_A_PATCH: Final = re.compile(r" ; python_full_version < '3\.11\.\d+'")


def fetch(lock: Path) -> Path:
    """The folder with the packages that a lock names, and the lock itself as `requirements.txt`."""
    target = cached() / "wheels" / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if target.exists():
        return target
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / "requirements.txt").write_text(wanted(lock.read_text()))
    download = ("download", "--quiet", "--require-hashes", "--no-deps", f"--dest={part}")
    run(_pip(), *download, f"--requirement={part / 'requirements.txt'}")
    for other in target.parent.glob(f"{lock.stem}-*"):
        shutil.rmtree(other)
    part.rename(target)
    return target


def wanted(lock: str) -> str:
    """A lock without the packages that no image needs, and with those that only another Python 3.11 needs: the one in
    the image is not the host's.
    """
    entries = lock.replace("\\\n", "\0").splitlines(keepends=True)
    kept = (_OF_A_PATCH.sub("", entry) for entry in entries if not entry.startswith(_NOT_WANTED))
    return "".join(kept).replace("\0", "\\\n")


def _pip() -> Path:
    home = cached() / "pip"
    if not (home / "bin" / "pip").exists():
        run("python3.11", "-m", "venv", home)
    return home / "bin" / "pip"
