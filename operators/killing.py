"""For tests: the process dies before or after its nth write. Without `OPERATOR_KILL_AT` nothing here is used."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scoreops.adapters.kube import Around
from scoreops.core.errors import BadInput


def killing(where: str) -> Around:
    """What `Kube` enters around each write, and the registry around each move of an alias.

    `where` is `<number>:before` or `<number>:after`, from 0; writes of the Lease are not counted, as they come by the
    clock. `count` kills nowhere. Each write is told on standard error as `write <number> <name>`, so that a test can
    enumerate them. Raises BadInput.
    """
    number, _, side = where.partition(":")
    if where != "count" and (not number.isdecimal() or side not in {"before", "after"}):
        raise BadInput(f"{where!r} is not <number>:before, <number>:after or count", "OPERATOR_KILL_AT")
    counter, lock = itertools.count(), threading.Lock()

    @contextmanager
    def around(name: str) -> Iterator[None]:
        if "/leases" in name:
            yield
            return
        with lock:
            here = next(counter)
            sys.stderr.write(f"write {here} {name}\n")
            sys.stderr.flush()
        hit = where != "count" and here == int(number)
        if hit and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        yield
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)

    return around
