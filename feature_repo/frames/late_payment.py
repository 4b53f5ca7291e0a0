"""Rows of late-payment: paid invoices at their issue and at one later moment while they were open."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from feature_repo.frames import Frame, Known, moved
from feature_repo.sme.training_sets import day_of, read_set
from scoreops.core.verdict import Verdict, holds
from scoreops.sme.calendar import NEVER
from scoreops.sme.late_features import LATE_FEATURES, History, Invoices
from scoreops.sme.late_recipe import HELD_SHARE, LABEL
from scoreops.sme.late_training import late_rows, seen_before

SET: Final = "late_payments"
SAMPLE: Final = 500
"""Invoices whose features are computed again."""


def rows(known: Known) -> pd.DataFrame:
    """invoice, as_of, known (days since 1970), late (days), is_late, held_out (the last payments), the features."""
    made = late_rows(read_set(known.folder, SET), until=day_of(known.until))
    frame = pd.DataFrame(made.features, columns=list(LATE_FEATURES.columns))
    frame["invoice"], frame["as_of"], frame["known"] = made.invoice, made.as_of, made.known
    frame["late"], frame[LABEL] = made.late, (made.late > 0).astype(np.float64)
    frame["held_out"] = made.known >= np.quantile(made.known, 1 - HELD_SHARE) if len(frame) else made.known > 0
    return frame


def population(known: Known) -> pd.DataFrame:
    """The newest invoice of each customer at its issue: one row a customer keeps the rows apart from each other."""
    invoices = Invoices.of(read_set(known.folder, SET))
    order = np.lexsort((invoices.issued, invoices.customer))
    last = order[np.append(np.diff(invoices.customer[order]) != 0, True)] if len(order) else order
    asked = invoices.take(last)
    features = History(invoices).features(asked, asked.issued)
    return pd.DataFrame(features, columns=list(LATE_FEATURES.columns))


def leakage(known: Known) -> list[Verdict]:
    """Features at a moment in the middle do not change when every later payment is taken away."""
    invoices = Invoices.of(read_set(known.folder, SET))
    paid = invoices.cleared[invoices.cleared < NEVER]
    if not len(paid):
        return [holds("leakage_late_payment", False, 0, "no invoice was ever paid")]
    moment = int(np.median(paid))
    asked = invoices.take(np.flatnonzero(invoices.issued < moment)[-SAMPLE:])
    at = np.full(len(asked), moment)
    fresh = History(seen_before(invoices, moment)).features(asked, at)
    told = History(invoices).features(asked, at)
    names = moved(LATE_FEATURES.columns, fresh, told)
    words = f"what was paid later changes {', '.join(names[:5])}" if names else "no column knows later payments"
    return [holds("leakage_late_payment", not names, len(asked), words)]


FRAME: Final = Frame(rows, population, leakage)
