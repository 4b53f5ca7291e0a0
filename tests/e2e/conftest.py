"""One demo as a new user runs it, kept running for every test that asks for it, and brought down at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installation:
    """A HOME and a range of ports, and what runs there."""

    home: Path
    base: int

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SCOREOPS_")}
        return kept | {"SCOREOPS_HOME": str(self.home), "SCOREOPS_PORT_BASE": str(self.base), "PYTHONPATH": str(ROOT)}

    def run(self, *arguments: str) -> str:
        """Standard output of `scoreops ARGUMENTS`, which must end well."""
        argv = [sys.executable, "-W", "ignore", "-m", "scoreops", *arguments]
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def leftovers(self) -> list[str]:
        """Processes that carry the mark of this HOME in their environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{self.home}/".encode() in (process / "environ").read_bytes() + b"/":
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@dataclass(frozen=True)
class Kept:
    """A demo that goes on running, and its summary."""

    installation: Installation
    summary: dict[str, Any]


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    whole = Installation(tmp_path_factory.mktemp("demo"), 10_000)
    summary = json.loads(whole.run("demo", "--json", "--keep"))
    yield Kept(Installation(whole.home / "demo", whole.base), summary)
    whole.run("down")
    assert whole.leftovers() == []
