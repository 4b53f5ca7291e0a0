"""How the late-payment score is trained: rows at the moment of issue and at a later one while the invoice was open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.boosting import REPEATABLE
from scoreops.core.calibration import fit_platt
from scoreops.core.errors import Refused
from scoreops.core.onnx_export import lightgbm_graph
from scoreops.sme.calendar import NEVER
from scoreops.sme.late import BOOSTERS, GROUPS, INTERVAL, LateModel, groups_of
from scoreops.sme.late_features import LATE_FEATURES, History, Invoices

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_ROWS: Final = 300
MIN_GROUP: Final = 100
"""Held-out rows below which a group of customers takes the interval of all."""
CUT: Final = 0.8
"""Share of the rows, by the day of payment, before which the models that are judged for intervals learn."""
TREES: Final = 600
LATER_WEIGHT: Final = 0.3
"""What a later look at an invoice counts beside the one at issue."""
OUTER: Final = ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2)
_LATEST: Final = 120
"""Days after the due day up to which an invoice is looked at again while it is open."""
_CLIP: Final = (-60, 180)


@dataclass(frozen=True)
class LateRows:
    """n rows: features (n, d), days late (n,), the day on which that became known, and the row of each invoice."""

    features: Array
    late: Array
    known: Ints
    invoice: Ints
    as_of: Ints

    def take(self, rows: NDArray[Any]) -> LateRows:
        """Some of the rows."""
        parts = (self.features, self.late, self.known, self.invoice, self.as_of)
        return LateRows(*(part[rows] for part in parts))


@dataclass(frozen=True)
class TrainedLate:
    """The model and how much each column mattered to it."""

    model: LateModel
    importance: dict[str, float]


def rows_at_issue(invoices: Invoices) -> LateRows:
    """One row for each cleared invoice, as it stood on the morning after its issue day's books were closed."""
    paid = np.flatnonzero(invoices.cleared < NEVER)
    asked = invoices.take(paid)
    features = History(invoices).features(asked, asked.issued)
    return LateRows(features, asked.late.astype(np.float64), asked.cleared, paid, asked.issued)


def late_rows(invoices: pd.DataFrame, *, until: int, seed: int = 7) -> LateRows:
    """Training rows of what was known before the day `until`: cleared invoices at issue and at one later moment.

    The later moment teaches what an invoice that is still open says about itself. Raises BadInput for other columns.
    """
    known = seen_before(Invoices.of(invoices), until)
    history, paid = History(known), np.flatnonzero(known.cleared < NEVER)
    asked = known.take(paid)
    last = np.minimum(asked.cleared, asked.due + _LATEST)
    drawn = np.random.default_rng(seed).random(len(paid))
    again = asked.issued + 1 + np.floor(drawn * np.maximum(last - asked.issued, 1)).astype(np.int64)
    open_then = np.flatnonzero(again <= asked.cleared)
    at = np.concatenate([np.arange(len(paid)), open_then])
    as_of = np.concatenate([asked.issued, again[open_then]])
    twice = asked.take(at)
    return LateRows(history.features(twice, as_of), twice.late.astype(np.float64), twice.cleared, paid[at], as_of)


def seen_before(invoices: Invoices, until: int) -> Invoices:
    """Invoices issued before `until`, with the payments that were known by then."""
    seen = invoices.take(invoices.issued < until)
    cleared = np.where(seen.cleared < until, seen.cleared, NEVER)
    return Invoices(seen.org, seen.customer, seen.issued, seen.due, seen.amount, cleared)


def train_late(rows: LateRows, *, seed: int = 7, trees: int = TREES) -> TrainedLate:
    """Train on rows of paid invoices. Raises Refused when there are too few."""
    if len(rows.late) < MIN_ROWS:
        raise Refused(f"{len(rows.late)} rows of paid invoices; {MIN_ROWS} are needed")
    rows = in_order(rows)
    cut = int(np.quantile(rows.known, CUT))
    early, held = rows.take(rows.known < cut), rows.take(rows.known >= cut)
    if len(early.late) < MIN_ROWS // 2 or len(held.late) < MIN_GROUP:
        raise Refused("the payments span too few days to judge some of them from earlier ones")
    trial = fit_boosters(early, seed, trees)
    guessed = {name: np.asarray(booster.predict(held.features, num_threads=1)) for name, booster in trial.items()}
    before_due = held.features[:, LATE_FEATURES.columns.index("days_to_due")] >= 0
    boosters = fit_boosters(rows, seed, trees)
    sample = rows.features[:: max(1, len(rows.features) // 2000)]
    model = LateModel(
        boosters={name: lightgbm_graph(each, sample, margin=name == "late") for name, each in boosters.items()},
        widen=_widen(held, guessed),
        calibrator=fit_platt(guessed["late"][before_due], _is_late(held.late[before_due])),
        usual=np.nanmedian(rows.features, axis=0),
    )
    gain = sum(b.feature_importance("gain") / max(b.feature_importance("gain").sum(), 1e-12) for b in boosters.values())
    return TrainedLate(model, dict(zip(LATE_FEATURES.columns, np.asarray(gain).tolist(), strict=True)))


def in_order(rows: LateRows) -> LateRows:
    """The rows by the day of payment."""
    return rows.take(np.lexsort((rows.as_of, rows.invoice, rows.known)))


def _weights(rows: LateRows) -> Array:
    """(n,) of rows: 1 for the first look at an invoice."""
    _, invoice = np.unique(rows.invoice, return_inverse=True)
    first = np.full(invoice.max(initial=0) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, invoice, rows.as_of)
    return np.where(rows.as_of == first[invoice], 1.0, LATER_WEIGHT)


def _is_late(late: Array) -> Array:
    return (late > 0).astype(np.float64)


def fit_boosters(rows: LateRows, seed: int, trees: int) -> dict[str, Any]:
    """LightGBM's boosters by BOOSTERS: quantiles of the days late, and the probability of being late at all."""
    import lightgbm

    settings = {
        "learning_rate": 0.03,
        "num_leaves": 63,
        "min_data_in_leaf": 30,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": seed,
        **REPEATABLE,
    }
    objectives: dict[str, dict[str, Any]] = {
        "median": {"objective": "l1"},
        "low": {"objective": "quantile", "alpha": OUTER[0]},
        "high": {"objective": "quantile", "alpha": OUTER[1]},
        "late": {"objective": "binary"},
    }
    names = list(LATE_FEATURES.columns)
    shared = lightgbm.Dataset(
        rows.features, weight=_weights(rows), feature_name=names, params={"verbosity": -1}, free_raw_data=False
    )
    shared.construct()
    made = {}
    for name in BOOSTERS:
        shared.set_label(_is_late(rows.late) if name == "late" else np.clip(rows.late, *_CLIP))
        made[name] = lightgbm.train(settings | objectives[name], shared, trees if name == "median" else trees // 2)
    return made


def _widen(held: LateRows, guessed: dict[str, Array]) -> Array:
    """By group of rows, how far the ends must move for each tail to hold its share of the held-out rows.

    Days are whole and so are the ends: an end that is rounded holds what is up to half a day beyond it. Before the due
    day the rows at issue decide, which are the hardest.
    """
    below = np.minimum(guessed["low"], guessed["median"]) - held.late - 0.5
    above = held.late - np.maximum(guessed["high"], guessed["median"]) - 0.5
    groups = groups_of(held.features)
    decisive = (_weights(held) == 1) | (groups >= GROUPS // 2)
    made = np.empty((GROUPS, 2))
    for group in range(GROUPS):
        mine = (groups == group) & decisive
        rows = mine if mine.sum() >= MIN_GROUP else decisive
        made[group] = [_conformal(errors[rows]) for errors in (below, above)]
    return made


def _conformal(errors: Array) -> float:
    """The quantile of held-out errors that one new error stays below with the share of a tail (split conformal)."""
    n = len(errors)
    return float(np.quantile(errors, min(1.0, np.ceil((n + 1) * OUTER[1]) / n), method="higher"))
