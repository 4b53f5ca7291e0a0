"""What the first k calls of a month would have reached, on `ar_h2habba`: the rule against expected cash.

On the last day of each month every invoice that was open then is ranked by the rule, by expected cash (amount x P(late)
x effect of a call, P by a model that saw only earlier payments), by amount and by days overdue. Counted is the money of
the first k that was in fact paid late: what a call could bring forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import duckdb
import numpy as np
import pandas as pd

from bench.ar import PLAIN
from feature_repo.sme.importing import receivables
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound
from scoreops.sme.calendar import day_number
from scoreops.sme.late import LateModel
from scoreops.sme.late_features import History, Invoices
from scoreops.sme.late_training import late_rows, seen_before, train_late

DAYS: Final = tuple(date(2019, month, 1) - timedelta(days=1) for month in range(5, 11))
"""Ends of months with payments of a quarter before them, and three months or more of payments after them."""
CALLS: Final = (25, 50, 100, 200)
VND_PER_CENT: Final = {"USD": 254.5, "CAD": 185.0}
EFFECT: Final = ((90, 0.05), (60, 0.15), (30, 0.25), (0, 0.30), (-10_000, 0.05))
"""Days overdue above which a call has this effect: the seed ar_overdue_bands."""


def ranked(paid: pd.DataFrame, day: date) -> pd.DataFrame:
    """Invoices open at the end of `day` with their real outcome and the value of every ranking."""
    after = day_number(day) + 1
    known = paid[paid["issued_on"] <= pd.Timestamp(day)].reset_index(drop=True)
    told = known.assign(cleared_on=known["cleared_on"].where(known["cleared_on"] <= pd.Timestamp(day)))
    model = LateModel.load(train_late(late_rows(known, until=after), trees=200).model.files())
    invoices = seen_before(Invoices.of(known), after)
    at = np.flatnonzero(told["cleared_on"].isna())
    features = History(invoices).features(invoices.take(at), np.full(len(at), after))
    p_late = model.score(features, reasons=False).p_late
    rows = told.iloc[at].assign(p_late=p_late, paid_on=known["cleared_on"].iloc[at])
    rows = rows.merge(_rule(told, day), on="invoice_id")
    overdue = (pd.Timestamp(day) - rows["due_on"]).dt.days
    effect = np.select([overdue > limit for limit, _ in EFFECT], [share for _, share in EFFECT])
    rows["expected"] = rows["dong"] * rows["p_late"] * effect
    rows["overdue"] = overdue
    rows["late_dong"] = rows["dong"] * (rows["paid_on"] > rows["due_on"])
    return rows


def _rule(told: pd.DataFrame, day: date) -> pd.DataFrame:
    staged = told.assign(amount_minor=told["dong"].astype("int64"))
    with duckdb.connect() as db:
        db.execute("create schema silver")
        db.register("staged", staged)
        db.execute("create table silver.invoices as select * replace (issued_on::date as issued_on,"
                   " due_on::date as due_on, cleared_on::date as cleared_on) from staged")  # fmt: skip
        return db.execute(PLAIN.format(day=f"date '{day}'")).df()[["invoice_id", "score"]]


def main() -> Mapping[str, object]:
    """Money paid late among the first k calls, by ranking, summed over the months; and the lift over the rule."""
    folder = Settings().data / "ar_h2habba"
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}; set SCOREOPS_DATA")
    made = receivables(folder)["invoices"]
    paid = made[made["cleared_on"].notna()].assign(org_id="h2habba").reset_index(drop=True)
    paid["cleared_on"] = pd.to_datetime(paid["cleared_on"])
    paid["dong"] = paid["amount_minor"] * paid["currency"].map(VND_PER_CENT)
    orders = {
        "rule": ["score", "dong"],
        "expected_cash": ["expected", "dong"],
        "amount": ["dong", "score"],
        "overdue": ["overdue", "dong"],
        "best_possible": ["late_dong", "dong"],
    }
    found = {name: dict.fromkeys(CALLS, 0.0) for name in orders}
    open_, late = 0, 0.0
    for day in DAYS:
        rows = ranked(paid, day)
        open_, late = open_ + len(rows), late + float(rows["late_dong"].sum())
        for name, columns in orders.items():
            best = rows.sort_values([*columns, "invoice_id"], ascending=[False, False, True])["late_dong"].cumsum()
            for calls in CALLS:
                found[name][calls] += float(best.iloc[min(calls, len(best)) - 1])
    shares = {name: {str(k): round(v / late, 4) for k, v in by.items()} for name, by in found.items()}
    lift = {str(k): round(found["expected_cash"][k] / found["rule"][k] - 1, 3) for k in CALLS}
    return {
        "months": len(DAYS),
        "open_invoices": open_,
        "share_of_late_money_reached_by_calls": shares,
        "lift_of_expected_cash_over_rule": lift,
    }
