"""Invoices as arrays: days as whole numbers, orgs and customers as codes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.core.errors import BadInput
from scoreops.sme.asof import as_codes
from scoreops.sme.calendar import NEVER, as_days

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Invoices:
    """n invoices; days since 1970. `cleared` is NEVER for an open one. Codes are numbers for org and customer."""

    org: Ints
    customer: Ints
    issued: Ints
    due: Ints
    amount: Ints
    cleared: Ints

    @staticmethod
    def of(frame: pd.DataFrame) -> Invoices:
        """From columns org_id, customer_id, issued_on, due_on, amount_minor, cleared_on. Raises BadInput."""
        needed = ("org_id", "customer_id", "issued_on", "due_on", "amount_minor", "cleared_on")
        missing = [name for name in needed if name not in frame]
        if missing:
            raise BadInput(f"missing columns {', '.join(missing)}", "invoices")
        org, customer = frame["org_id"].to_numpy(str), frame["customer_id"].to_numpy(str)
        issued, due, cleared = (as_days(frame[name]) for name in ("issued_on", "due_on", "cleared_on"))
        if (issued == NEVER).any() or (due == NEVER).any():
            raise BadInput("an invoice without the day of issue or the due day", "invoices")
        amount = frame["amount_minor"].to_numpy(np.int64)
        return Invoices(as_codes(org), as_codes(org, customer), issued, due, amount, cleared)

    def __len__(self) -> int:
        """How many."""
        return len(self.org)

    def take(self, rows: NDArray[Any]) -> Invoices:
        """Some of the invoices."""
        return Invoices(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def late(self) -> Ints:
        """(n,) days from the due day to the payment, negative when early; without meaning where it is open."""
        return np.where(self.cleared == NEVER, 0, self.cleared - self.due)
