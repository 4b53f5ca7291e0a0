"""Answers and labels as the sums by which gates are judged: pure functions of tables."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.bundle import Manifest
from scoreops.core.drift import FALSE_DISCOVERIES, NEED_ROWS, shifts
from scoreops.core.gates.checks import Decision
from scoreops.core.gates.evidence import Drifted, Moved, Paired
from scoreops.core.losses import (
    BRIER_BOUND,
    brier_differences,
    brier_losses,
    log_loss_bound,
    log_loss_differences,
    value_differences,
)
from scoreops.core.sequential_calibration import Bins
from scoreops.core.sequential_losses import Pairs

Array = NDArray[np.float64]
KEYS: Final = ["request", "row"]


def with_entities(labelled: pd.DataFrame, about: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Rows whose request has a label, and those that got one from a label of whom they are about.

    A label of an entity belongs to the newest answer about it from before the label was known, and an answer takes one
    label only: rows that share an outcome are no independent evidence.

    Args:
        labelled: request, row, label and more.
        about: request, row, time_us, entity and more; what is in `labelled` already is left out.
        told: entity, place, value, time_us.
    """
    if not len(about) or not len(told):
        return labelled
    known = pd.MultiIndex.from_frame(labelled[KEYS])
    rest = about[~pd.MultiIndex.from_frame(about[KEYS]).isin(known)].reset_index(drop=True)
    of = rest.reset_index(names="at").sort_values("time_us", kind="stable")[["at", "entity", "time_us"]]
    told, of = (frame.astype({"time_us": np.int64}) for frame in (told.sort_values(["time_us", "place"]), of))
    first = pd.merge_asof(told, of, on="time_us", by="entity").dropna(subset="at").drop_duplicates("at")
    found = rest.iloc[first["at"].to_numpy(np.int64)].assign(label=first["value"].to_numpy(np.float64))
    return pd.concat([labelled, found]) if len(labelled) else found


def own(known: pd.DataFrame) -> tuple[Pairs, Bins]:
    """Brier losses and calibration of answers with a label. Takes probability, label."""
    labels, probabilities = (known[name].to_numpy(np.float64) for name in ("label", "probability"))
    return Pairs(BRIER_BOUND).plus(brier_losses(labels, probabilities)), Bins().plus(labels, probabilities)


def paired(answered: int, known: pd.DataFrame, decision: Decision | None) -> Paired:
    """Differences of losses of rows that both versions answered. Takes stable, candidate (probabilities), label."""
    labels, stable, candidate = (known[name].to_numpy(np.float64) for name in ("label", "stable", "candidate"))
    value = None
    if decision is not None:
        before, after = (earnings(labels, probabilities, decision) for probabilities in (stable, candidate))
        value = Pairs(decision.bound).plus(value_differences(before, after, decision.bound))
    return Paired(
        answered=answered,
        labelled=len(known),
        brier=Pairs(BRIER_BOUND).plus(brier_differences(labels, stable, candidate)),
        log_loss=Pairs(log_loss_bound()).plus(log_loss_differences(labels, stable, candidate)),
        value=value,
    )


def earnings(labels: Array, probabilities: Array, decision: Decision) -> Array:
    """What acting on probabilities (n,) from the threshold on earned, (n,)."""
    acted = probabilities >= decision.threshold
    return np.where(acted, np.where(labels == 1, decision.gain, -decision.cost), 0.0)


def rows_to_judge(rows: int) -> int:
    """On how many of `rows` drift is judged: the largest 200 x 2^k, so that it is tested anew when they doubled."""
    return NEED_ROWS << ((rows // NEED_ROWS).bit_length() - 1) if rows >= NEED_ROWS else rows


def drifted(manifest: Manifest, columns: tuple[str, ...], rows: Array) -> Drifted:
    """The movement of inputs (n, d) against the reference of their bundle.

    The k-th look (200 x 2^k rows) is given 6 / (pi (k + 1))^2 of the false discoveries: over all looks they sum to what
    one was allowed.
    """
    if not len(rows):
        return Drifted(need=NEED_ROWS)
    look = max((len(rows) // NEED_ROWS).bit_length() - 1, 0)
    spent = FALSE_DISCOVERIES * 6 / (np.pi * (look + 1)) ** 2
    places = [manifest.columns.index(name) for name in columns]
    found = shifts(manifest.reference, columns, rows[:, places], false_discoveries=spent)
    return Drifted(
        rows=len(rows),
        need=NEED_ROWS,
        moved=tuple(Moved(feature=one.feature, psi=one.psi, p_value=one.p_value, moved=one.moved) for one in found),
        importance={name: manifest.importance.get(name, 0.0) for name in columns},
    )
