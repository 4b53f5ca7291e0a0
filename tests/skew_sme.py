"""The scores of small companies: files of a trained model, a request, and what the libraries say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scoreops.sme.late_features import LATE_FEATURES
from scoreops.sme.late_training import fit_boosters, in_order, late_rows, train_late

ROWS = 1_000
SEED = 5
FIRST_DAY = 20_000
TREES = 40


def invoices(orgs=2, customers=12, days=220, seed=1):
    """Customers who pay a fixed number of days late, give or take; the later ones also pay more scattered."""
    rng = np.random.default_rng(seed)
    rows = []
    for org in range(orgs):
        for customer in range(customers):
            issued = FIRST_DAY + np.sort(rng.integers(0, days, 40))
            late = np.rint(2 * customer - 8 + rng.normal(0, 1 + customer / 3, 40)).astype(int)
            for place, (day, after) in enumerate(zip(issued.tolist(), late.tolist(), strict=True)):
                due = day + (15, 30)[customer % 2]
                paid = max(due + after, day + 1)
                rows.append((f"org-{org}", f"i{customer}-{place}", f"c{customer}", day, due, paid))
    names = ["org_id", "invoice_id", "customer_id", "issued_on", "due_on", "cleared_on"]
    frame = pd.DataFrame(rows, columns=names)
    frame["cleared_on"] = frame["cleared_on"].where(frame["cleared_on"] < FIRST_DAY + days)
    for name in ("issued_on", "due_on", "cleared_on"):
        frame[name] = pd.to_datetime(frame[name], unit="D").astype("datetime64[s]")
    return frame.assign(amount_minor=rng.integers(10_000, 5_000_000, len(frame)), currency="VND")


def with_gaps(rows, seed=3):
    """1,000 of the rows, one value in twenty missing."""
    rng = np.random.default_rng(seed)
    asked = rows[rng.integers(0, len(rows), ROWS)].copy()
    asked[rng.random(asked.shape) < 0.05] = np.nan
    return asked


def late() -> tuple[Any, ...]:
    rows = late_rows(invoices(), until=FIRST_DAY + 220)
    model = train_late(rows, seed=SEED, trees=TREES).model
    boosters = fit_boosters(in_order(rows), SEED, TREES)
    asked = with_gaps(rows.features)
    said = {name: booster.predict(asked) for name, booster in boosters.items()}
    cleared, to_due = (asked[:, LATE_FEATURES.columns.index(name)] for name in ("n_cleared", "days_to_due"))
    known = np.where(np.isnan(cleared), 0, np.rint(np.expm1(np.nan_to_num(cleared))))
    group = (known >= 1).astype(int) + (known >= 10) + (known >= 100) + 4 * (to_due < 0)
    middle, overdue = said["median"], to_due < 0
    low = np.rint(np.minimum(said["low"], middle) - model.widen[group, 0])
    high = np.rint(np.maximum(said["high"], middle) + model.widen[group, 1])
    ends = {"days_late": middle, "low": np.minimum(low, np.rint(middle)), "high": np.maximum(high, np.rint(middle))}
    odds = np.log(said["late"] / (1 - said["late"])) * model.calibrator.weights[0] + model.calibrator.bias
    expected = {name: np.where(np.isnan(to_due), value, np.maximum(value, -to_due)) for name, value in ends.items()}
    expected |= {"p_late": np.where(overdue, 1, 1 / (1 + np.exp(-odds))), "unknown_customer": known == 0}
    return model.files(), rows.features, asked, expected
