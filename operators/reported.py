"""Which version a server says it serves. Asked rarely, and never for long: a server that hangs holds up no loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import httpx

_GOOD_S: Final = 10.0
_BAD_S: Final = 2.0


class Reported:
    """What servers said last, by their URL."""

    def __init__(self, timeout_s: float = 1.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = httpx.Client(timeout=timeout_s)
        self._clock = clock
        self._known: dict[str, tuple[float, str | None]] = {}

    def __call__(self, url: str, model: str, version: str) -> str | None:
        """The version that answers as `model`, None if nobody answers."""
        path = f"{url}/v2/models/{model}/versions/{version}"
        until, said = self._known.get(path, (0.0, None))
        if self._clock() < until:
            return said
        said = self._ask(path)
        self._known[path] = (self._clock() + (_BAD_S if said is None else _GOOD_S), said)
        return said

    def _ask(self, path: str) -> str | None:
        try:
            response = self._http.get(path)
            if response.status_code == 404:
                return "none of that number"
            return str(response.json()["properties"]["model_version"]) if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def close(self) -> None:
        """Leave."""
        self._http.close()
