"""Who may ask, and who may load and unload models: those who bring the key, where one is set."""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from predictors.keeper import Keeper

_WANTED: Final = "this needs the API key, in the header X-API-Key or as `Authorization: Bearer KEY`"


class Unauthorised(Exception):
    """The key is missing or wrong."""


class Off(Exception):
    """What is asked for is not done by this server."""


class Guard(NamedTuple):
    """Keys of a server. Empty `key`: everybody may ask. Without `keeper` nobody may load or unload."""

    key: str = ""
    admin_key: str = ""
    keeper: Keeper | None = None

    def check(self, given: bytes) -> None:
        """Raises Unauthorised unless who brings `given` may ask."""
        if self.key and not hmac.compare_digest(given, self.key.encode()):
            raise Unauthorised(_WANTED)

    def admin(self, given: bytes) -> Keeper:
        """What loads and unloads. Raises Off, Unauthorised."""
        if self.keeper is None:
            raise Off("loading and unloading is off on this server; it is started with --admin")
        if not hmac.compare_digest(given, self.admin_key.encode()):
            raise Unauthorised(_WANTED)
        return self.keeper


def key_of(api_key: bytes, authorization: bytes) -> bytes:
    """The key among the values of the two headers."""
    kind, _, bearer = authorization.partition(b" ")
    return api_key or (bearer if kind.lower() == b"bearer" else b"")
