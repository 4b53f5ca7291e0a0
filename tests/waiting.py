"""Waiting for something that must come."""

from __future__ import annotations

import time


def until(reached, said=lambda: "", seconds=120):
    """Look until it has come; fail with what is `said` where it has not."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)
