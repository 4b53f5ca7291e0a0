"""What was known at a moment: sums and last values over earlier rows of the same group, for many rows at once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_codes(*columns: NDArray[np.generic] | list[str]) -> Ints:
    """(n,) one number for each distinct combination of the columns' values."""
    code: Ints = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, found = np.unique(np.asarray(column), return_inverse=True)
        _, code = np.unique(code * (int(found.max(initial=0)) + 1) + found, return_inverse=True)
    return code.astype(np.int64)


class Past:
    """Rows of groups in the order of their times. A question is a group and a time; only earlier rows answer it."""

    def __init__(self, group: Ints, time: Ints) -> None:
        """`group` (n,) >= 0 and `time` (n,), in any unit, say when each row became known."""
        self._first = int(time.min(initial=0))
        self._span = int(time.max(initial=0)) - self._first + 2
        self._order = np.argsort(self._key(group, time), kind="stable")
        self._keys = self._key(group, time)[self._order]

    def _key(self, group: Ints, time: Ints) -> Ints:
        return group * self._span + np.clip(time - self._first, 0, self._span - 1)

    def at(self, group: Ints, time: Ints, *, since: Ints | None = None) -> Asked:
        """The rows of `group` with since <= time < `time`, for each of m questions."""
        stop = np.searchsorted(self._keys, self._key(group, time))
        begin = group * self._span if since is None else self._key(group, since)
        return Asked(self._order, np.searchsorted(self._keys, begin), stop)


class Asked:
    """Answers to m questions, each about a run of rows."""

    def __init__(self, order: Ints, start: NDArray[np.intp], stop: NDArray[np.intp]) -> None:
        self._order = order
        self._start = np.minimum(start, stop)
        self._stop = stop

    @cached_property
    def count(self) -> Array:
        """(m,) how many rows."""
        return (self._stop - self._start).astype(np.float64)

    def sum(self, values: Ints) -> Array:
        """(m,) sums of whole numbers (n,): exact, so that rows of other groups never show, not even by rounding."""
        summed = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values[self._order], dtype=np.int64)])
        return np.asarray(summed[self._stop] - summed[self._start], dtype=np.float64)

    def mean(self, values: Ints) -> Array:
        """(m,) means, NaN where there are no rows."""
        return divided(self.sum(values), self.count)

    def first(self, values: NDArray[Any]) -> Array:
        """(m,) the oldest value; NaN where there are no rows."""
        some = self._stop > self._start
        return np.where(some, values[self._order[np.where(some, self._start, 0)]], np.nan)

    def last(self, values: NDArray[Any], size: int) -> Array:
        """(m, size) the newest values, newest first; NaN where there are fewer."""
        places = self._stop[:, None] - 1 - np.arange(size)
        inside = places >= self._start[:, None]
        taken = values[self._order[np.where(inside, places, 0)]] if len(values) else np.zeros(places.shape)
        return np.where(inside, taken, np.nan)


def divided(part: Array, whole: Array) -> Array:
    """The quotient, NaN where `whole` is 0."""
    made: Array = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)
    return made


def mean(values: Array) -> Array:
    """(m,) means of the known values of each row (m, k); NaN where none is."""
    return divided(np.nansum(values, axis=1), _known(values))


def spread(values: Array) -> Array:
    """(m,) standard deviations of the known values of each row (m, k); NaN where none is."""
    return np.sqrt(mean((values - mean(values)[:, None]) ** 2))


def largest(values: Array) -> Array:
    """(m,) the largest known value of each row (m, k); NaN where none is."""
    return np.asarray(np.fmax.reduce(values, axis=1))


def quantiles(values: Array, *levels: float) -> list[Array]:
    """For each level the (m,) quantiles of the known values of each row (m, k), interpolated; NaN where none is."""
    ordered, last = np.sort(values, axis=1), np.maximum(_known(values) - 1, 0)
    rows = np.arange(len(values))
    made = []
    for level in levels:
        place = last * level
        below = np.floor(place).astype(np.int64)
        low, high = ordered[rows, below], ordered[rows, np.ceil(place).astype(np.int64)]
        made.append(low + (high - low) * (place - below))
    return made


def _known(values: Array) -> Array:
    return np.asarray((~np.isnan(values)).sum(axis=1), dtype=np.float64)
