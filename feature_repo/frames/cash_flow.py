"""Rows of cash-flow: past mornings of every company with what came in the thirty days after them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from feature_repo.frames import Frame, Known, moved
from feature_repo.sme.training_sets import day_of, read_set
from scoreops.core.errors import Refused
from scoreops.core.verdict import Verdict, holds
from scoreops.sme.calendar import as_days
from scoreops.sme.cash import MIN_DAYS
from scoreops.sme.cash_features import (
    CASH_FEATURES,
    HORIZON,
    DaysLate,
    books_of,
    cash_features,
    days_late_by,
    expected_inflow,
)
from scoreops.sme.cash_recipe import CAME, HELD_SHARE
from scoreops.sme.cash_training import cash_rows
from scoreops.sme.late import LateModel
from scoreops.sme.late_training import late_rows, train_late

KNOWN_SHARE: Final = 0.4
"""Share of the history whose payments teach when later invoices are expected to be paid; the mornings in it expect what
each customer usually does, so that no season of the books is lost to the cash forecast."""
DRAFT_TREES: Final = 120
PROPHETS: Final = 2
"""Mornings of every grown company for which Prophet is fitted too."""
POPULATION_ROWS: Final = 260
"""Rows that the drift gate is given: so many weeks of all companies."""
MOST_WEEKS: Final = 40


def rows(known: Known) -> pd.DataFrame:
    """day, company, came_01 to came_30, held_out (the last mornings), the features.

    Mornings whose thirty days reach into the held ones are left out.
    """
    invoices, until = read_set(known.folder, "late_payments"), day_of(known.until)
    days_late, learnt = _draft(known.folder, until)
    booked = read_set(known.folder, "transactions_all")
    made = cash_rows(booked, invoices, days_late, until=until, prophets=PROPHETS, learnt=learnt)
    frame = pd.DataFrame(made.features, columns=list(CASH_FEATURES.columns))
    frame = pd.concat([frame, pd.DataFrame(made.came, columns=list(CAME))], axis=1)
    frame["day"], frame["company"] = made.day, made.company
    cut = np.quantile(made.day, 1 - HELD_SHARE)
    frame["held_out"] = made.day >= cut
    return frame[(made.day >= cut) | (made.day + HORIZON <= cut)].reset_index(drop=True)


def population(known: Known) -> pd.DataFrame:
    """Every company on the morning of each of the last weeks."""
    invoices, until = read_set(known.folder, "late_payments"), day_of(known.until)
    days_late, _ = _draft(known.folder, until)
    books = books_of(read_set(known.folder, "transactions_all"), until=until)
    held = (until - books.first - MIN_DAYS) // 7
    if held < 1:
        raise Refused(f"the books hold {until - books.first} days; {MIN_DAYS + 7} are needed")
    weeks = min(MOST_WEEKS, held, -(-POPULATION_ROWS // max(1, len(books.keys))))
    parts = [
        cash_features(books, expected_inflow(invoices, books.keys, day, days_late), day)
        for day in range(until - 7 * (weeks - 1), until + 1, 7)
    ]
    return pd.DataFrame(np.concatenate(parts), columns=list(CASH_FEATURES.columns))


@cache
def _draft(folder: Path, until: int) -> tuple[DaysLate, int]:
    """When invoices are paid, by a model that saw none of the payments from the returned day on."""
    invoices = read_set(folder, "late_payments")
    if not len(invoices):
        raise Refused("there are no invoices, and so nothing that cash is expected from")
    first = int(as_days(invoices["issued_on"]).min())
    learnt = first + round((until - first) * KNOWN_SHARE)
    made = train_late(late_rows(invoices, until=learnt), trees=DRAFT_TREES)
    return days_late_by(LateModel.load(made.model.files())), learnt


def leakage(known: Known) -> list[Verdict]:
    """The features of a morning in the middle do not change when all that was booked later is taken away."""
    booked, until = read_set(known.folder, "transactions_all"), day_of(known.until)
    every = books_of(booked, until=until)
    middle = (every.first + until) // 2
    before = books_of(booked, until=middle)
    places = [every.keys.index(key) for key in before.keys]
    nothing = np.zeros((len(before.keys), HORIZON))
    fresh = cash_features(before, nothing, middle)
    told = cash_features(every, np.zeros((len(every.keys), HORIZON)), middle)[places]
    names = moved(CASH_FEATURES.columns, fresh, told)
    words = f"what was booked later changes {', '.join(names[:5])}" if names else "no column knows later days"
    return [holds("leakage_cash_flow", bool(places) and not names, len(places), words)]


FRAME: Final = Frame(rows, population, leakage)
