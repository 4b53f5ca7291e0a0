"""The cash forecast without a trained model: each company's own weekdays or smoothing, judged on its own past mornings.

It answers while no registered version may. Nothing of one company is read for another.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from scoreops.core.errors import Refused
from scoreops.sme.cash import TENSORS_OUT, CashModel, CashScorer
from scoreops.sme.cash_features import HORIZON, Books, cash_features
from scoreops.sme.cash_training import EVERY, CashRows, judged_errors, rows_of_books

MORNINGS: Final = 40
"""Newest mornings on which a company's floor is judged: with Tet among them for most of the year."""
MIN_MORNINGS: Final = 8
"""Below that nothing is said of the company."""
_NO_ERRORS: Final = np.empty(0)


def cash_floor(books: Books, day: int) -> dict[str, Any]:
    """The tensors of the score cash-flow for the days from `day` on; `method` -1 where the past is too short."""
    nothing = np.zeros((len(books.keys), HORIZON))
    asked = cash_features(books, nothing, day)
    try:
        past = rows_of_books(books, lambda _: nothing, until=day, since=day - HORIZON - MORNINGS * EVERY)
    except Refused:
        past = CashRows(asked[:0], nothing[:0], np.empty(0, np.int64), np.empty(0, np.int64))
    answers = [_of_one(past.take(past.company == row), asked[[row]]) for row in range(len(asked))]
    return {spec.name: np.concatenate([answer[spec.name] for answer in answers]) for spec in TENSORS_OUT}


def _of_one(past: CashRows, asked: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    features = past.features if len(np.unique(past.day)) >= MIN_MORNINGS else past.features[:0]
    draft = CashScorer(CashModel(b"", _NO_ERRORS, _NO_ERRORS, _NO_ERRORS))
    errors = judged_errors(draft.members(features), past.take(np.arange(len(features))))
    return CashScorer(CashModel(b"", *errors)).infer({"features": asked}, {})
