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


def with_labels(answers: pd.DataFrame, by_request: pd.DataFrame, by_entity: pd.DataFrame) -> pd.DataFrame:
    """The answers with a column `label`, NaN where none is known.

    A label of a request belongs to its row. A label of an entity belongs to the newest answer about it from before the
    label was known, and an answer takes one label only: rows that share an outcome are no independent evidence.

    Args:
        answers: request, row, time_us, entity.
        by_request: key (the request), place (the row), value.
        by_entity: key (the entity), place, value, time_us.
    """
    made = answers.reset_index(drop=True)
    known = dict(zip(zip(by_request["key"], by_request["place"], strict=True), by_request["value"], strict=True))
    places = zip(made["request"], made["row"].astype(str), strict=True)
    labels = np.array([known.get(place, np.nan) for place in places], dtype=np.float64)
    about = made[made["entity"].notna()]
    if len(about) and len(by_entity):
        told = by_entity.rename(columns={"key": "entity"}).sort_values(["time_us", "place"], kind="stable")
        of = about.reset_index(names="at").sort_values("time_us", kind="stable")[["at", "entity", "time_us"]]
        joined = pd.merge_asof(
            told.astype({"time_us": np.int64}), of.astype({"time_us": np.int64}), "time_us", by="entity"
        )
        first = joined.dropna(subset="at").drop_duplicates("at")
        at = first["at"].to_numpy(np.int64)
        labels[at] = np.where(np.isnan(labels[at]), first["value"].to_numpy(np.float64), labels[at])
    return made.assign(label=labels)


def own(answers: pd.DataFrame) -> tuple[Pairs, Bins, int]:
    """Brier losses and calibration of answers with a label, and how many those are. Takes probability, label."""
    known = answers[answers["label"].notna() & answers["probability"].notna()]
    labels, probabilities = (known[name].to_numpy(np.float64) for name in ("label", "probability"))
    losses = Pairs(BRIER_BOUND).plus(brier_losses(labels, probabilities))
    return losses, Bins().plus(labels, probabilities), len(known)


def paired(pairs: pd.DataFrame, decision: Decision | None) -> Paired:
    """Differences of losses of rows that both versions answered. Takes stable, candidate (probabilities), label."""
    known = pairs[pairs["label"].notna()]
    labels, stable, candidate = (known[name].to_numpy(np.float64) for name in ("label", "stable", "candidate"))
    value = None
    if decision is not None:
        before, after = (earnings(labels, probabilities, decision) for probabilities in (stable, candidate))
        value = Pairs(decision.bound).plus(value_differences(before, after, decision.bound))
    return Paired(
        answered=len(pairs),
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
