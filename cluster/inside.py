"""Looking at the cluster's network from within."""

from __future__ import annotations

import ctypes
import os
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final, TypeVar

from cluster.place import Place
from scoreops.local import probes

T = TypeVar("T")
_CLONE_NEWNET: Final = 0x4000_0000
_LOOPBACK: Final = "127.0.0.1"


def inside(place: Place, call: Callable[[], T]) -> T:
    """What `call` returns in the cluster's network: a network namespace is a thread's own, so a thread goes there.

    Raises OSError when there is no such network.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_go, place.netns).result()
        return thread.submit(call).result()


def _go(namespace: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(handle, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    finally:
        os.close(handle)


def http(place: Place, port: int, path: str) -> Callable[[], bool]:
    """A probe: whether `GET path` on a loopback port of the cluster answers 200."""
    return _probe(place, probes.http(_LOOPBACK, port, path))


def https(place: Place, port: int, path: str) -> Callable[[], bool]:
    """The same over TLS; the server must hold a certificate of the cluster's authority."""

    def ready() -> bool:
        context = ssl.create_default_context(cafile=str(place.home / "pki" / "ca.crt"))
        connection = HTTPSConnection(_LOOPBACK, port, timeout=2, context=context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return _probe(place, ready)


def _probe(place: Place, ready: Callable[[], bool]) -> Callable[[], bool]:
    def probe() -> bool:
        try:
            return inside(place, ready)
        except OSError:
            return False

    return probe
