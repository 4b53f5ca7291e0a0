"""The evidence service as a child that starts within milliseconds: forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["monitoring.process", "tests.evidence_process"])


def _serve(bootstrap, file, port):
    from monitoring.book import StoredBook
    from monitoring.following import Follower
    from monitoring.metrics import Metrics
    from monitoring.process import Process
    from monitoring.store import Store
    from scoreops.adapters.gate_sources import RegistryShelf
    from scoreops.adapters.registry import Registry

    store = Store(file)
    follower = Follower(bootstrap, store, batch=200)
    shelf = RegistryShelf(Registry("http://127.0.0.1:9"))
    book = StoredBook(store, read_at=lambda: follower.read_at, registry=shelf)
    Process(follower, book, Metrics(store, book), "127.0.0.1", port).run()


class Child:
    """`kill` is SIGKILL; `start` begins anew with the same store."""

    def __init__(self, bootstrap, file, port):
        self._given, self.url = (bootstrap, file, port), f"http://127.0.0.1:{port}"
        self.process = None

    def start(self):
        self.process = _CONTEXT.Process(target=_serve, args=self._given, daemon=True)
        self.process.start()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@contextmanager
def running(bootstrap, file, port):
    child = Child(bootstrap, file, port)
    child.start()
    try:
        yield child
    finally:
        child.kill()
