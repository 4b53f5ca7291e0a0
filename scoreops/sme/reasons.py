"""Reasons of a score: what it would be if a column were as it usually is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_REASONS: Final = 3


def effects(model: Callable[[Array], Array], rows: Array, usual: Array, columns: Sequence[int]) -> Array:
    """(n, len(columns)) how much of model(rows) goes away when one column takes its usual value; 0 where it is NaN."""
    n, k = len(rows), len(columns)
    swapped = np.repeat(rows, k, axis=0)
    at = np.tile(np.asarray(columns), n)
    swapped[np.arange(n * k), at] = usual[at]
    shift = np.repeat(model(rows), k) - model(swapped)
    known = ~np.isnan(rows[:, list(columns)])
    return np.where(known, shift.reshape(n, k), 0.0)


def in_words(shifts: Array, values: Array, usual: Array, names: Sequence[str], least: float) -> list[list[str]]:
    """For each row the largest of `shifts` (n, k) of at least `least`, with the value beside the usual one (k,)."""
    order = np.argsort(-np.abs(shifts), axis=1, kind="stable")[:, :MAX_REASONS]
    return [
        [
            f"{'+' if shift[place] > 0 else '-'} {names[place]}: {value[place]:.3g}, usually {usual[place]:.3g}"
            for place in places
            if abs(shift[place]) >= least
        ]
        for places, shift, value in zip(order, shifts, values, strict=True)
    ]


def known_words(meaning: Mapping[str, str], columns: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places in `columns` of what `meaning` can say in words, and these words."""
    places = [place for place, name in enumerate(columns) if name in meaning]
    return places, [meaning[columns[place]] for place in places]
