"""Java archives from Maven, fetched once and kept outside the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from scoreops.core.errors import NotReady

POMS: Final = Path(__file__).resolve().parents[2] / "tools" / "jars"
INSTALL: Final = "install it with: apt-get install -y --no-install-recommends openjdk-17-jdk-headless maven"
"""What to type on Debian when java or mvn is missing."""


def tool(name: str) -> str:
    """Path of `java` or `mvn`. Raises NotReady with the Debian command when it is missing."""
    found = shutil.which(name)
    if found is None:
        raise NotReady(f"`{name}` is not on the PATH; {INSTALL}")
    return found


def folder(name: str) -> Path:
    """Where the jars of `tools/jars/<name>.xml` are kept: a change of the file means another folder."""
    digest = hashlib.sha256((POMS / f"{name}.xml").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "scoreops" / "jars" / f"{name}-{digest}"


def fetch(name: str) -> Path:
    """The folder with the jars of `tools/jars/<name>.xml`, fetched by Maven if it is not there yet."""
    target = folder(name)
    if target.is_dir():
        return target
    tool("java")
    part = target.with_name(f"{target.name}.{os.getpid()}")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    done = subprocess.run(
        [tool("mvn"), "-q", "-B", "-f", str(POMS / f"{name}.xml"), *goal], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(part, ignore_errors=True)
        raise NotReady(f"Maven could not fetch the {name} jars: {(done.stdout + done.stderr).strip()[-800:]}")
    try:
        part.rename(target)
    except OSError:  # somebody else was first
        shutil.rmtree(part, ignore_errors=True)
    return target


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        fetch(wanted)
