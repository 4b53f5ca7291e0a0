"""Running a command and reading what it says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scoreops.core.errors import NotReady

_TOLD: int = 1500


def run(
    *argv: str | Path, given: str | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Standard output of a command.

    Args:
        argv: The command.
        given: Its standard input.
        env: Variables on top of this process's own.
        cwd: Where it runs.

    Raises:
        NotReady: It failed; the end of what it said is in the message.
    """
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | dict(env or {}),
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise NotReady(f"`{argv[0]}` is missing: python -m cluster doctor") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-_TOLD:]
        raise NotReady(f"`{' '.join(map(str, argv))}` failed with {done.returncode}: {said}")
    return done.stdout


def runs(*argv: str | Path) -> bool:
    """Whether a command succeeds."""
    try:
        run(*argv)
    except NotReady:
        return False
    return True
