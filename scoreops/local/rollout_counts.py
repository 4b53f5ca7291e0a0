"""What the server counted while a rollout went on: the gates' Prometheus where there is none.

Every look may leave a sample in the book, so that a loop that takes over knows what its forerunner saw. Only selectors
with a range are answered, which is all that the gates on traffic ask for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson

from scoreops.adapters.rollout_book import Kept, RolloutBook
from scoreops.core.errors import BadInput
from scoreops.core.gates.ports import Series
from scoreops.core.gates.traffic import COPIES, COPY_SECONDS, REQUESTS, SECONDS, USUAL_SECONDS
from scoreops.local.rollout_server import Counted

NAMES: Final = frozenset(
    {REQUESTS, COPIES, *(f"{name}_{part}" for name in (SECONDS, COPY_SECONDS) for part in ("bucket", "count"))}
)
KEPT_S: Final = 7 * 86_400 + USUAL_SECONDS
PACE_S: Final = 60.0
"""Longest time between two samples; the gates take numbers older than two minutes for an outage."""
FINE: Final = 200
"""A rollout of so many seconds is sampled every second, a longer one less often in proportion."""
_SELECTOR: Final = re.compile(r"(\w+)\{(.*)\}\[(\d+)s\]")
_MATCHER: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')

Key = tuple[str, tuple[tuple[str, str], ...]]


class Counts:
    """The samples of one model."""

    def __init__(self, book: RolloutBook, model: str) -> None:
        self._book, self._model = book, model
        self._samples: list[tuple[float, dict[Key, float]]] | None = None

    def keep(self, now: datetime, counted: list[Counted], kept: Kept) -> None:
        """Leave a sample, if it is time for one."""
        samples, at = self._loaded(now), now.timestamp()
        attempt = kept.status.attempt
        age = (now - attempt.started_at).total_seconds() if attempt else 0.0
        if samples and at - samples[-1][0] < min(max(age / FINE, 1.0), PACE_S):
            return
        rows = [(one.name, dict(one.labels), one.value) for one in counted if one.name in NAMES]
        self._book.sample(self._model, at, orjson.dumps(rows).decode(), keep_s=KEPT_S)
        samples.append((at, _numbers(rows)))

    def query(self, query: str, at: datetime) -> tuple[Series, ...]:
        """The raw samples that a selector with a range names. Raises BadInput for any other query."""
        found = _SELECTOR.fullmatch(query)
        if found is None:
            raise BadInput(f"only the server's own counters are kept here; {query!r} needs a Prometheus", "query")
        name, matchers, seconds = found.groups()
        wanted = {label: json.loads(value) for label, value in _MATCHER.findall(matchers)}
        series: dict[Key, list[tuple[float, float]]] = {}
        for moment, numbers in self._loaded(at):
            if not at.timestamp() - int(seconds) <= moment <= at.timestamp():
                continue
            for key, value in numbers.items():
                if key[0] == name and wanted.items() <= dict(key[1]).items():
                    series.setdefault(key, []).append((moment, value))
        return tuple(Series(dict(labels), tuple(samples)) for (_, labels), samples in series.items())

    def _loaded(self, now: datetime) -> list[tuple[float, dict[Key, float]]]:
        if self._samples is None:
            found = self._book.samples(self._model, now.timestamp() - KEPT_S)
            self._samples = [(at, _numbers(orjson.loads(body))) for at, body in found]
        return self._samples


def _numbers(rows: Sequence[tuple[str, Mapping[str, str], float]]) -> dict[Key, float]:
    return {(name, tuple(sorted(labels.items()))): value for name, labels, value in rows}
