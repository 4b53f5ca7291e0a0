"""Splits as files, one per model: written by who delivers, watched by the server.

A reader sees the old file or the new one. Writers take turns, and each names the revision that it has seen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from scoreops.core.errors import BadInput, FenceMoved
from scoreops.core.split import Split


class SplitFiles:
    """The splits in one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self, model: str) -> tuple[int, int] | None:
        """Changes with every write; None where there is no file."""
        try:
            found = self._file(model).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def read(self, model: str) -> Split:
        """The split of a model, the empty one where there is none. Raises BadInput if the file is not one."""
        try:
            return Split.model_validate_json(self._file(model).read_bytes())
        except FileNotFoundError:
            return Split()
        except ValidationError as error:
            raise BadInput(f"{self._file(model)} is no split: {error.errors()[0]['msg']}") from error

    def write(self, model: str, change: Callable[[Split], Split], expected: int | None = None) -> Split:
        """Replace it by `change` of it. Raises FenceMoved unless it is at the revision `expected`; None: at any."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".{quote(model, safe='')}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            now = self.read(model)
            if expected is not None and now.revision != expected:
                raise FenceMoved(f"the split of {model} is at revision {now.revision}, not {expected}")
            new = change(now)
            if new != now:
                self._replace(model, new)
            return new

    def _replace(self, model: str, new: Split) -> None:
        fresh = self.folder / f".{quote(model, safe='')}.new"
        with fresh.open("w") as out:
            out.write(new.model_dump_json() + "\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._file(model))

    def _file(self, model: str) -> Path:
        return self.folder / f"{quote(model, safe='')}.json"
