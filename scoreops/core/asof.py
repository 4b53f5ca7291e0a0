"""Point-in-time join: for each question, the newest row that was known by then and is not too old."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput

Ints = NDArray[np.int64]
_LARGEST: Final = 2**62


class Rows(NamedTuple):
    """n rows: the code of each one's entity (>= 0), its event time and when it became known, in one unit."""

    keys: Ints
    times: Ints
    created: Ints


class Questions(NamedTuple):
    """m questions: whose row, as known when. A code that no row has finds nothing."""

    keys: Ints
    times: Ints


def asof(rows: Rows, questions: Questions, ttl: int | None) -> Ints:
    """For each of m questions the place of the row that answers it, or -1: (m,) int64 in [-1, n).

    A row answers a question about its key when its time and its creation are not after the question's time (what was
    written later was not known then), and it is at most `ttl` older, all inclusive. Among those the newest counts,
    among rows of equal time the one created last, among full ties the last. `ttl` None is for ever.

    Raises:
        BadInput: the arrays of rows, or those of questions, differ in length.
    """
    if len({len(column) for column in rows}) > 1 or len(questions.keys) != len(questions.times):
        raise BadInput("keys and times must be equally long")
    keys, times, created = rows
    if not len(keys) or not len(questions.keys):
        return np.full(len(questions.keys), -1, np.int64)
    by_merit = _order(rows)
    known, until, span = _scaled(np.maximum(times, created)[by_merit], questions.times, int(keys.max()))
    # Places grow with key and merit, so in order of (key, known) a running maximum is the best row so far.
    place = keys[by_merit] * span + known
    by_known = np.argsort(place, kind="stable")
    best = np.maximum.accumulate(by_known)
    asked = questions.keys * span + until
    found = _not_after(place[by_known], asked) - 1
    row = by_merit[best[np.maximum(found, 0)]]
    answered = (found >= 0) & (keys[row] == questions.keys)
    if ttl is not None:
        answered &= questions.times - times[row] <= ttl
    return np.where(answered, row, -1)


def _scaled(known: Ints, until: Ints, last_key: int) -> tuple[Ints, Ints, int]:
    """Both times as numbers in [0, span) that keep their order, 0 for before all: so that key * span + number fits."""
    first, last = int(known.min()), int(known.max())
    span = last - first + 2
    if span * (last_key + 1) < _LARGEST:
        return known - first + 1, np.clip(until, first - 1, last) - first + 1, span
    moments, places = np.unique(known, return_inverse=True)
    return places + 1, _not_after(moments, until), len(moments) + 1


def _not_after(ordered: Ints, values: Ints) -> Ints:
    """How many of `ordered` are <= each value; in order of value the search stays in the cache, five times faster."""
    order = np.argsort(values)
    made = np.empty(len(values), np.int64)
    made[order] = np.searchsorted(ordered, values[order], side="right")
    return made


def _order(rows: Rows) -> Ints:
    """Order by key, time and creation. Rows often come in that order, and to see that is ten times cheaper."""
    keys, times, created = rows
    same, same_time = keys[1:] == keys[:-1], times[1:] == times[:-1]
    later = (times[1:] > times[:-1]) | (same_time & (created[1:] >= created[:-1]))
    if bool(np.all((keys[1:] > keys[:-1]) | (same & later))):
        return np.arange(len(keys))
    return np.lexsort((created, times, keys))
