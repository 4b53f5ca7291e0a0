"""Who may come in. A request that could not be answered in time is refused before any work is done for it.

Two bounds: how many requests may be inside at once, and how long the last of them would wait, reckoned from how long
requests took lately. Waiting is bounded, so overload costs the refused their answer and nobody their memory.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, NamedTuple, Self

from predictors.metrics import Metrics
from scoreops.core.errors import Overloaded

_SMOOTH: Final = 0.1
"""Weight of the newest work in the average time of a request."""
_STALL: Final = 5.0
_LEAST_S: Final = 0.001
"""A request that took longer than so many averages and such a time is a stall, and counts as such a one."""


class Limits(NamedTuple):
    """What requests may ask for, one by one and together."""

    rows: int = 10_000
    """Most rows in one request."""
    inline_s: float = 0.002
    """Rows that take less time are computed on the event loop; more, or optional inputs, in a thread: others go on."""
    body_bytes: int = 32 * 1024 * 1024
    """Largest body, after it was unpacked."""
    buffered_bytes: int = 512 * 1024 * 1024
    """Most bytes of bodies, and of what they swell to, held at once."""
    concurrency: int = 128
    """Most requests inside at once."""
    wait_s: float = 1.0
    """Longest wait, reckoned in advance, for which a request is let in."""
    deadline_s: float = 30.0
    """Longest time from a request's first byte to its answer."""


DEFAULT_LIMITS: Final = Limits()


class Lane:
    """Requests that are worked on one after the other, and the time one takes."""

    def __init__(self, name: str, longest_s: float, metrics: Metrics) -> None:
        self.name = name
        self._longest_s = longest_s
        self._metrics = metrics
        self._seconds = 0.0
        self._stalled = False
        self.waiting = 0

    def enter(self) -> None:
        """Take a place. Raises Overloaded when the wait would be too long."""
        if self.waiting and self.waiting * self._seconds > self._longest_s:
            self._metrics.rejected.labels("wait").inc()
            raise Overloaded(f"{self.waiting} requests wait before this one; try again later or send fewer rows")
        self.waiting += 1

    def leave(self, seconds: float | None, places: int = 1) -> None:
        """Give places back; `seconds` is how long the work took for each of them, None when none was done."""
        self.waiting -= places
        if seconds is not None:  # one long stall is no rule, two in a row are
            most = _STALL * self._seconds + _LEAST_S
            usual = seconds if self._stalled else min(seconds, most)
            self._stalled = seconds > most
            self._seconds += _SMOOTH * (usual - self._seconds)


class Turn:
    """The stay of one request, from its first byte to its answer."""

    __slots__ = ("_admission", "_bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._bytes = 0

    def hold(self, size: int) -> None:
        """Count `size` more bytes of its body. Raises Overloaded when all bodies together are too large."""
        self._bytes += size
        self._admission.hold(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._admission.leave(self._bytes)


class Admission:
    """Counts who is inside."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._held = 0
        self.inside = 0

    def enter(self) -> Turn:
        """Come in. Raises Overloaded when too many are inside."""
        if self.inside >= self._limits.concurrency:
            self._metrics.rejected.labels("concurrency").inc()
            raise Overloaded(f"{self.inside} requests are being answered, which is the most; try again later")
        self.inside += 1
        return Turn(self)

    def hold(self, size: int) -> None:
        """See Turn."""
        self._held += size
        if self._held > self._limits.buffered_bytes:
            self._metrics.rejected.labels("memory").inc()
            raise Overloaded("the bodies being read are the most that is held at once; try again later")

    def leave(self, size: int) -> None:
        """See Turn."""
        self.inside -= 1
        self._held -= size
