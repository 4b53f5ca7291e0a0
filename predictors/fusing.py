"""The fusion loop: a decision about every KOL in every minute of event time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from feature_repo.materialise import Materialiser
from feature_repo.stream import JOB
from predictors.deciding import Decider, Round
from scoreops.adapters.settings import Settings
from scoreops.adapters.state_store import StateStore
from scoreops.core.errors import NotFound, NotReady

POLL_S: Final = 0.05
LAKE_S: Final = 1.0
"""How often the lake is asked whether it has reached a new hour."""
_RETRY_S: Final = 1.0
MOST_BEHIND: Final = 30
"""Minutes that are made up for one by one; a loop that is further behind goes on with the newest."""


class FusionLoop:
    """Follows the watermark of the stream."""

    def __init__(self, settings: Settings) -> None:
        self._state = StateStore(settings.redis_url, JOB)
        self._decider = Decider(settings)
        self._materialiser = Materialiser(settings)
        self._looked = 0.0
        self.decided = 0
        self.skipped = 0

    def once(self) -> Round:
        """Decide for the newest whole minute. Raises NotReady when there is none, or a part is missing."""
        self._materialiser.step()
        minute = self._complete()
        if not minute:
            raise NotReady("the stream has seen no event yet; run `scoreops stream`")
        return self._decider.decide(minute)

    def run(self, stop: threading.Event, on_round: Callable[[Round], None] = lambda _: None) -> None:
        """Decide every minute until `stop` is set; what is missing is waited for."""
        last = 0
        while not stop.is_set():
            try:
                self._features()
                newest, last = self._complete(), last or self._decider.newest()
                if newest <= last:
                    stop.wait(POLL_S)
                    continue
                first = max(last + 1, newest - MOST_BEHIND) if last else newest
                self.skipped += first - last - 1 if last else 0
                made = self._decider.decide(first)
            except (NotReady, NotFound):
                stop.wait(_RETRY_S)
                continue
            last = first
            self.decided += made.written
            on_round(made)

    def _features(self) -> None:
        if time.monotonic() - self._looked >= LAKE_S:
            self._materialiser.step()
            self._looked = time.monotonic()

    def _complete(self) -> int:
        """The newest minute that event time has left behind."""
        watermark = int(self._state.value("watermark") or 0)
        return watermark // 60_000_000 - 1 if watermark else 0
