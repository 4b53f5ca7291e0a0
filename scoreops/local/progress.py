"""How far the readers of the log are behind its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from feature_repo.lake_writer import lake_fence, open_lake
from feature_repo.stream import JOB, decode_fence
from scoreops.adapters.kafka_log import LogReader, start_offsets
from scoreops.adapters.settings import Settings
from scoreops.adapters.state_store import StateStore
from scoreops.core.errors import NotReady
from scoreops.kol.events import RAW_TOPICS

_POLL_S: Final = 0.5


def behind(settings: Settings) -> dict[str, int]:
    """Messages that the stream and the lake have not taken yet."""
    places = start_offsets(RAW_TOPICS)
    reader = LogReader(settings.kafka_bootstrap, places)
    try:
        ends, begins = reader.ends(places), reader.held(places)
    finally:
        reader.close()
    fences = {"stream": StateStore(settings.redis_url, JOB).fence(), "lake": lake_fence(open_lake(settings))}
    offsets = {name: decode_fence(fence) for name, fence in fences.items()}
    return {
        name: sum(end - max(known[place], begins[place]) for place, end in ends.items())
        for name, known in offsets.items()
    }


def wait_for(
    settings: Settings, limit_s: float, progress: Callable[[dict[str, int]], None], check: Callable[[], None]
) -> None:
    """Wait until both have everything. `check` raises when it is no use to wait on. Raises NotReady after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        check()
        left = behind(settings)
        progress(left)
        if not any(left.values()):
            return
        time.sleep(_POLL_S)
    raise NotReady(f"after {limit_s:.0f} s the readers are still behind: {behind(settings)}")
