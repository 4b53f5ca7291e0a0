"""How to tell that a server is ready."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException


def http(host: str, port: int, path: str) -> Callable[[], bool]:
    """A probe that is true once `GET path` answers 200. It goes straight to the port, whatever proxy is set."""

    def ready() -> bool:
        connection = HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return ready
