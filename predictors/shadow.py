"""Shadow traffic: a share of the requests is put to a second version as well, whose answer is logged and never given.

Both answers stand in the inference log under one request id, so that they can be compared pair by pair. The share is a
property of the request id: the same request is shadowed on every replica, or on none.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple
from zlib import crc32

import structlog

from predictors.inference_log import InferenceLog
from predictors.lineup import Entry, Lineups
from predictors.metrics import Metrics
from predictors.served import Question, compute
from predictors.splitting import Splits
from predictors.tensors import InferResponse
from scoreops.core.errors import BadInput, NotFound, NotReady

MOST_WAITING: Final = 64
"""Copies that may wait; what comes beyond is counted as dropped."""
_log: Final = structlog.get_logger("predictors.shadow")


class Rule(NamedTuple):
    """Which version, or alias, is shown how much of the traffic, 0 to 1."""

    version: str
    share: float = 1.0


def parse_rule(text: str) -> tuple[str, Rule]:
    """MODEL=VERSION or MODEL=VERSION:SHARE. Raises BadInput."""
    model, _, rest = text.partition("=")
    version, _, share = rest.partition(":")
    try:
        rule = Rule(version, float(share or 1))
    except ValueError:
        rule = Rule("", 0)
    if not model or not rule.version or not 0 < rule.share <= 1:
        raise BadInput(
            f"{text!r} is not MODEL=VERSION or MODEL=VERSION:SHARE with a share above 0, at most 1", "shadow"
        )
    return model, rule


class Shadow:
    """A witness of the data plane."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        lineups: Lineups,
        journal: InferenceLog,
        metrics: Metrics,
        splits: Splits | None = None,
    ) -> None:
        """A mirror in a model's split comes before its rule."""
        self._rules = rules
        self._splits = splits or Splits(lineups, metrics)
        self._lineups = lineups
        self._journal = journal
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, "shadow")
        self._room = threading.BoundedSemaphore(MOST_WAITING)

    def note(self, entry: Entry, question: Question, response: InferResponse) -> None:
        """Put the question to the second version too, some time soon."""
        rule = self._rule(entry.served.model)
        if rule is None or question.copy or response.id is None or crc32(response.id.encode()) >= rule.share * 2**32:
            return
        try:
            other = self._lineups.find(entry.served.model, rule.version)
        except (NotFound, NotReady):
            self._count(entry.served.model, rule.version, "missing")
            return
        if other.served.version == entry.served.version:
            return
        if not self._room.acquire(blocking=False):
            self._count(other.served.model, other.served.version, "dropped")
            return
        self._pool.submit(self._ask, other, question, response)

    def _rule(self, model: str) -> Rule | None:
        mirror = self._splits.mirror(model)
        return Rule(mirror[0], mirror[1] / 100) if mirror else self._rules.get(model)

    def _ask(self, other: Entry, question: Question, response: InferResponse) -> None:
        served, started = other.served, time.perf_counter()
        try:
            outputs = compute(served, question)
            self._metrics.shadow_seconds.labels(served.model, served.version).observe(time.perf_counter() - started)
            answer = InferResponse(served.model, served.version, outputs, response.id, {})
            self._journal.note(other, question, answer, shadow_of=response.version)
            self._count(served.model, served.version, "ok")
        except Exception as error:  # noqa: BLE001 - a shadow may fail in any way and disturbs nobody
            self._count(served.model, served.version, "error")
            _log.warning("a shadow failed", model=served.model, version=served.version, reason=str(error))
        finally:
            self._room.release()

    def _count(self, model: str, version: str, outcome: str) -> None:
        self._metrics.shadowed.labels(model, version, outcome).inc()

    async def close(self) -> None:
        """Wait for the copies under way."""
        await asyncio.to_thread(self._pool.shutdown)
