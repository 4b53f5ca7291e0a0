"""Keys by organisation: each opens the data of one, and only its digest is kept."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput, NotFound

PREFIX: Final = "sk_"
_BYTES: Final = 32


class OrgKeys:
    """Digests in one file that only its owner reads. A key is 256 random bits, so a plain SHA-256 hides it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def issue(self, org: str) -> str:
        """A new key of an organisation; it is shown this once."""
        if not org:
            raise BadInput("must not be empty", "org")
        key = PREFIX + secrets.token_urlsafe(_BYTES)
        with self._changing() as held:
            held[_digest(key)] = org
        return key

    def org_of(self, key: str) -> str | None:
        """The organisation that a key opens; None for a key that is none."""
        return self._read().get(_digest(key))

    def revoke(self, org: str) -> int:
        """Let every key of an organisation open nothing. Returns how many there were. Raises NotFound for none."""
        with self._changing() as held:
            mine = [digest for digest, owner in held.items() if owner == org]
            for digest in mine:
                del held[digest]
        if not mine:
            raise NotFound(f"{org!r} has no key")
        return len(mine)

    def counts(self) -> dict[str, int]:
        """How many keys each organisation has."""
        owners = list(self._read().values())
        return {org: owners.count(org) for org in sorted(set(owners))}

    def _read(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        return found

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """What is kept, to be changed by one process at a time and replaced as a whole."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = self._read()
            yield held
            aside = self._file.with_suffix(".new")
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(json.dumps(held, indent=1, sort_keys=True) + "\n")
            aside.replace(self._file)


def org_keys(settings: Settings) -> OrgKeys:
    """The keys of a HOME."""
    return OrgKeys(settings.root / "secrets" / "org_keys.json")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
