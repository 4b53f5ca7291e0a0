"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when `parent` ends, however it ends; at once if it has already.

    To be called in the new process, before anything else. Linux forgets it where a program with other rights is run.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)
