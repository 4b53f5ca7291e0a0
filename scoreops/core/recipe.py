"""How a score is made and judged: the one description that the training pipeline follows, whichever score it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from scoreops.core.verdict import Verdict, judge

if TYPE_CHECKING:
    import pandas as pd

Figures = Mapping[str, float]
PERMUTED: Final = "permuted"
"""Rehearsal: the candidate is trained on features in another order than the one that is served."""
DRIFTED: Final = "drifted"
"""Rehearsal: a source has begun to count in another unit."""


class Scorer(Protocol):
    """A loaded bundle."""

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Named outputs, one row for each row of the named inputs."""
        ...


@dataclass(frozen=True)
class TrainingSet:
    """What a fit may see.

    Attributes:
        rows: those that are not held out, with keys, labels and every column of the schema.
        columns: the schema's, in the order in which the model is to be trained.
        beside: arrays that the pipeline's first step left beside the rows, such as totals over time.
        until: hour since the epoch; nothing that happened in it or later is among the rows.
        extras: optional packages that are installed, such as "torch".
    """

    rows: pd.DataFrame
    columns: tuple[str, ...]
    beside: Mapping[str, NDArray[Any]]
    until: int
    extras: frozenset[str] = frozenset()

    def features(self) -> NDArray[np.float64]:
        """(n, d) features of the rows, in the order of `columns`."""
        return self.rows[list(self.columns)].to_numpy(np.float64)


@dataclass(frozen=True)
class Fitted:
    """A trained model as the files of its bundle, the rows that it learnt from, how much each column mattered."""

    files: Mapping[str, bytes]
    rows: pd.DataFrame
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Limit:
    """An absolute gate: a figure of the candidate against a fixed number; it must be at least or at most that."""

    gate: str
    figure: Callable[[Figures], float]
    limit: float
    at_least: bool
    what: str


@dataclass(frozen=True)
class Rival:
    """The comparison with the champion on the same rows: one figure, and how far it may fall behind.

    `limit` makes of the champion's figure the number that the candidate must reach (`at_least`) or not exceed.
    """

    figure: str
    limit: Callable[[float], float]
    at_least: bool
    what: str


@dataclass(frozen=True)
class Recipe:
    """One score's way from rows to verdicts; the pipeline does the rest.

    Attributes:
        key: columns that name a row.
        min_rows: training rows without which nothing is learnt.
        need: held-out rows without which a gate says Insufficient.
        fit: learns from a TrainingSet. Raises Refused when the rows do not allow it.
        measure: (loaded bundle, held-out rows) -> figures by name.
        limits: absolute gates on these figures.
        rival: the comparison with the champion.
        label: the column of a 0/1 label, which no feature may tell alone; "" where there is none.
        may_repeat: whether a key may come twice, as with several labels of one moment.
        rehearsals: faults that can be made on purpose.
        counted: words in the names of columns that count something, for the rehearsal of a drift.
    """

    key: tuple[str, ...]
    min_rows: int
    need: int
    fit: Callable[[TrainingSet], Fitted]
    measure: Callable[[Scorer, pd.DataFrame], dict[str, float]]
    limits: tuple[Limit, ...]
    rival: Rival
    label: str = ""
    may_repeat: bool = False
    rehearsals: tuple[str, ...] = (DRIFTED,)
    counted: tuple[str, ...] = ()

    def absolute(self, found: Figures, n: int) -> list[Verdict]:
        """What the limits say of the figures of `n` held-out rows."""
        need = self.need
        return [
            judge(each.gate, each.figure(found), each.limit, n=n, need=need, at_least=each.at_least, what=each.what)
            for each in self.limits
        ]

    def against(self, found: Figures, before: Figures, n: int) -> Verdict:
        """What the champion's figures on the same `n` rows say."""
        rival = self.rival
        limit = rival.limit(before[rival.figure])
        return judge(
            "champion", found[rival.figure], limit, n=n, need=self.need, at_least=rival.at_least, what=rival.what
        )


def figure(name: str) -> Callable[[Figures], float]:
    """A figure as it was measured."""
    return lambda found: found[name]


def ratio(top: str, bottom: str) -> Callable[[Figures], float]:
    """One figure as a multiple of another."""
    return lambda found: found[top] / found[bottom]
