"""How many requests each version has answered, from the servers' own counters in Prometheus."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from string import Template
from typing import Final

import structlog

from scoreops.core.errors import ScoreOpsError
from scoreops.core.gates.ports import Metrics, Series
from scoreops.core.gates.traffic import REQUESTS, grown
from scoreops.core.rollout_status import Attempt
from scoreops.core.rollout_world import Requests

_AWAY_S: Final = 3.0
"""Who did not answer is not asked again for so long, so that an outage holds up nobody."""
_BEFORE: Final = timedelta(seconds=120)
"""A counter's last sample before the count begins is not older than that."""
_LATELY: Final = timedelta(seconds=30)
_STALE_S: Final = 60.0
_STRIDE: Final = timedelta(minutes=10)
"""Counts that are older are kept as a sum."""
_log = structlog.get_logger("operators.requests")


class Counter:
    """Counts by rollout. `labels` tell one namespace's servers from another's; `$namespace` stands for its name."""

    def __init__(
        self, metrics: Metrics | None, labels: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics, self._labels, self._clock = metrics, labels, clock
        self._away_until = 0.0
        self._sums: dict[str, tuple[datetime, datetime, Requests]] = {}

    def since(
        self, key: str, namespace: str, model: str, attempt: Attempt, start: datetime, now: datetime
    ) -> Requests | None:
        """Requests to the candidate and to both since `start`; None while the metrics are away or old."""
        if self._metrics is None or self._clock() < self._away_until:
            return None
        counted = self._sums.get(key)
        if counted is None or counted[0] != start:
            counted = (start, start, Requests(0, 0))
        _, upto, before = counted
        try:
            found = self._samples(namespace, model, attempt, upto, now)
        except ScoreOpsError as error:
            self._away_until = self._clock() + _AWAY_S
            _log.warning("the metrics are away", why=str(error))
            return None
        if found is None:
            return None
        new, lately = (_count(found, attempt, begin, now) for begin in (upto, max(start, now - _LATELY)))
        whole = Requests(before.candidate + new.candidate, before.total + new.total, lately)
        if now - upto > _STRIDE:
            self._sums[key] = (start, now, whole)
        return whole

    def forget(self, key: str) -> None:
        """The rollout is gone."""
        self._sums.pop(key, None)

    def _samples(
        self, namespace: str, model: str, attempt: Attempt, start: datetime, now: datetime
    ) -> Sequence[Series] | None:
        """Both versions' counters since a while before `start`; None while the newest of them is old."""
        assert self._metrics is not None
        versions = [attempt.candidate.version, *([attempt.stable.version] if attempt.stable else [])]
        chosen = {name: Template(value).safe_substitute(namespace=namespace) for name, value in self._labels.items()}
        matchers = [f"{name}={json.dumps(value)}" for name, value in {**chosen, "model": model}.items()]
        matchers.append(f"version=~{json.dumps('|'.join(versions))}")
        window = math.ceil((now - start + _BEFORE).total_seconds())
        found = self._metrics.query(f"{REQUESTS}{{{','.join(matchers)}}}[{window}s]", now)
        newest = max((one.samples[-1][0] for one in found if one.samples), default=None)
        return None if newest is not None and now.timestamp() - newest > _STALE_S else found


def _count(found: Sequence[Series], attempt: Attempt, start: datetime, now: datetime) -> Requests:
    candidate = total = 0.0
    for one in found:
        grew = grown(one.samples, start, now, new=True)
        total += grew
        candidate += grew if one.labels["version"] == attempt.candidate.version else 0.0
    return Requests(round(candidate), round(total))
