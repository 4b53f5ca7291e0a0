"""Who is due: keys with a moment each. A key is never in two hands at once, and a wake-up is never lost."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
_FIRST_BACK_OFF_S = 1.0
_LONGEST_BACK_OFF_S = 30.0


@dataclass
class _Entry:
    due: float
    taken_at: float | None = None
    woken: bool = False
    failures: int = 0


class Schedule:
    """A queue for worker threads. `clock` gives seconds that never go back.

    What happens while a key is in somebody's hands makes it due at once when it is given back.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._closed = False

    def wake(self, key: str) -> None:
        """Something happened to it: it is due now."""
        with self._changed:
            entry = self._entries.setdefault(key, _Entry(due=self._clock()))
            if entry.taken_at is not None:
                entry.woken = True
                return
            self._put(key, entry, self._clock())

    def take(self) -> str | None:
        """Wait for a key that is due, and hold it until `give_back`; None once closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                while self._heap and self._stale(*self._heap[0]):
                    heapq.heappop(self._heap)
                if self._heap and self._heap[0][0] <= now:
                    _, key = heapq.heappop(self._heap)
                    self._entries[key].taken_at = now
                    return key
                self._changed.wait(self._heap[0][0] - now if self._heap else None)
            return None

    def give_back(self, key: str, after_s: float) -> None:
        """It is due again after so many seconds, or at once if it was woken meanwhile."""
        with self._changed:
            entry = self._entries[key]
            entry.failures = 0
            self._rest(key, entry, after_s)

    def failed(self, key: str) -> float:
        """It could not be worked on: due again after 1, 2, 4 ... 30 s. Returns which."""
        with self._changed:
            entry = self._entries[key]
            after_s = min(_FIRST_BACK_OFF_S * 2.0**entry.failures, _LONGEST_BACK_OFF_S)
            entry.failures = min(entry.failures + 1, 10)
            self._rest(key, entry, after_s, urgent=False)
            return after_s

    def forget(self, key: str) -> None:
        """It is gone; if it was woken meanwhile it is looked at once more."""
        with self._changed:
            if self._entries[key].woken:
                self._rest(key, self._entries[key], 0)
            else:
                del self._entries[key]

    def close(self) -> None:
        """Nobody gets a key any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def size(self) -> int:
        """How many keys there are."""
        with self._changed:
            return len(self._entries)

    def slowest_s(self) -> float:
        """For how long the key that was in somebody's hands the longest, or is overdue the most, has been so."""
        with self._changed:
            now = self._clock()
            return max(
                (now - (one.due if one.taken_at is None else one.taken_at) for one in self._entries.values()),
                default=0.0,
            )

    def _rest(self, key: str, entry: _Entry, after_s: float, *, urgent: bool = True) -> None:
        woken, entry.woken, entry.taken_at = entry.woken, False, None
        self._put(key, entry, self._clock() + (0 if woken and urgent else after_s))

    def _put(self, key: str, entry: _Entry, due: float) -> None:
        entry.due = due
        heapq.heappush(self._heap, (due, key))
        self._changed.notify()

    def _stale(self, due: float, key: str) -> bool:
        entry = self._entries.get(key)
        return entry is None or entry.taken_at is not None or entry.due != due
