"""Bank transactions as arrays, and what people said of some of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.errors import BadInput
from scoreops.sme.asof import as_codes
from scoreops.sme.calendar import as_seconds

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Transactions:
    """n transactions; `at` in seconds since 1970. Codes are numbers that name a thing within its org."""

    org: Ints
    account: Ints
    category: Ints
    counterparty: Ints
    terminal: Ints
    """-1 where there is none."""
    at: Ints
    size: Ints
    """The amount without its sign, in minor units."""
    out: Ints
    """1 for money that leaves."""

    @staticmethod
    def of(frame: pd.DataFrame) -> Transactions:
        """From columns org_id, account_id, booked_at, amount_minor, counterparty_id, terminal_id, category."""
        needed = ("org_id", "account_id", "booked_at", "amount_minor", "counterparty_id", "terminal_id", "category")
        missing = [name for name in needed if name not in frame]
        if missing:
            raise BadInput(f"missing columns {', '.join(missing)}", "bank_transactions")
        org, account = frame["org_id"].to_numpy(str), frame["account_id"].to_numpy(str)
        terminal = frame["terminal_id"].fillna("").to_numpy(str)
        amount = frame["amount_minor"].to_numpy(np.int64)
        return Transactions(
            org=as_codes(org),
            account=as_codes(org, account),
            category=as_codes(org, frame["category"].fillna("").to_numpy(str)),
            counterparty=as_codes(org, frame["counterparty_id"].fillna("").to_numpy(str)),
            terminal=np.where(terminal == "", -1, as_codes(org, terminal)),
            at=as_seconds(frame["booked_at"]),
            size=np.abs(amount),
            out=(amount < 0).astype(np.int64),
        )

    def __len__(self) -> int:
        """How many."""
        return len(self.at)

    def take(self, rows: NDArray[Any]) -> Transactions:
        """Some of them."""
        return Transactions(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Feedback:
    """What people said: the row of a transaction, whether it was truly odd, and since when (seconds) that is known."""

    row: Ints
    true: NDArray[np.bool_]
    known: Ints

    @staticmethod
    def on(booked: pd.DataFrame, said: pd.DataFrame) -> Feedback:
        """From columns org_id, transaction_id of both, and is_anomaly, said_at; what others booked is left out."""
        place = booked.reset_index().merge(said, on=["org_id", "transaction_id"])
        true = place["is_anomaly"].to_numpy(np.bool_)
        return Feedback(place["index"].to_numpy(np.int64), true, as_seconds(place["said_at"]))


NO_FEEDBACK: Final = Feedback(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int64))
