"""Small requests that wait for the same version are answered by one call of its model.

Nothing waits for others to come: a batch is what arrived while the batch before was computed, so a lone request is
answered at once and a crowd shares the cost of a call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from predictors.admission import Lane
from predictors.metrics import Metrics
from predictors.served import Question, Served, compute
from predictors.tensors import Tensor

Answer = Sequence[Tensor]


class _Waiting(NamedTuple):
    served: Served
    question: Question
    future: asyncio.Future[Answer]


class Batcher:
    """Answers on the event loop."""

    def __init__(self, lane: Lane, metrics: Metrics) -> None:
        self._lane = lane
        self._metrics = metrics
        self._queue: list[_Waiting] = []

    def ask(self, served: Served, question: Question) -> asyncio.Future[Answer]:
        """The answer, soon. Raises Overloaded when too many wait."""
        self._lane.enter()
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(self._flush)
        future: asyncio.Future[Answer] = loop.create_future()
        self._queue.append(_Waiting(served, question, future))
        return future

    def _flush(self) -> None:
        queue, self._queue = self._queue, []
        for group in _groups(queue):
            started = time.perf_counter()
            live = [one for one in group if not one.future.done()]  # whose client went away needs no answer
            if live:
                self._metrics.batch(len(live))
                _answer(live)
            self._lane.leave((time.perf_counter() - started) / len(group), len(group))  # one batch, one measurement


def _groups(queue: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """What may be computed together: rows of the same version, asked for the same outputs with the same parameters."""
    if len(queue) == 1:
        return [list(queue)]
    groups: dict[Hashable, list[_Waiting]] = {}
    for number, one in enumerate(queue):
        question = one.question
        alike = (id(one.served), question.outputs, repr(question.parameters) if question.parameters else "")
        groups.setdefault(alike if one.served.rowwise else number, []).append(one)
    return list(groups.values())


def _answer(group: list[_Waiting]) -> None:
    if len(group) > 1 and _answer_together(group):
        return
    for one in group:
        try:
            one.future.set_result(compute(one.served, one.question))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            one.future.set_exception(error)


def _answer_together(group: list[_Waiting]) -> bool:
    """Whether all could be answered by one call; a row that is refused must not refuse the others."""
    served, first = group[0].served, group[0].question
    rows = sum(one.question.rows for one in group)
    try:
        joined = {name: np.concatenate([one.question.inputs[name] for one in group]) for name in first.inputs}
        made = compute(served, first._replace(inputs=joined, rows=rows))
    except Exception:  # noqa: BLE001 - each is asked alone, and told what was wrong with it
        return False
    start = 0
    for one in group:
        part = slice(start, start := start + one.question.rows)
        one.future.set_result([Tensor(name, datatype, data[part]) for name, datatype, data, _ in made])
    return True
