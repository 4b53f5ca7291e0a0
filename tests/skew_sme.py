"""The scores of small companies: files of a trained model, a request, and what the libraries say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scoreops.core.onnx_models import single
from scoreops.sme.anomaly import GRID
from scoreops.sme.anomaly_features import ANOMALY_FEATURES, Transactions, anomaly_features
from scoreops.sme.anomaly_training import fit_forest, train_anomaly, usual_rows
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
    known = frame["cleared_on"] < FIRST_DAY + days
    for name in ("issued_on", "due_on", "cleared_on"):
        frame[name] = pd.to_datetime(frame[name], unit="D").astype("datetime64[s]")
    frame["cleared_on"] = frame["cleared_on"].where(known)  # as days they may not be missing: pandas reads memory then
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


def transactions(orgs=2, days=200, seed=4):
    """Suppliers paid weekly and customers who pay daily, at office hours; nothing odd in it."""
    rng = np.random.default_rng(seed)
    parts = []
    for org in range(orgs):
        for who in range(6):
            at = np.arange(who, days, 7) * 86_400 + rng.integers(2, 9, len(range(who, days, 7))) * 3_600
            parts.append((org, f"sup-{who}", "supplier", at, -np.exp(rng.normal(13 + who / 4, 0.2, len(at)))))
        for who in range(3):
            at = np.arange(days) * 86_400 + rng.integers(2, 9, days) * 3_600 + who
            parts.append((org, f"cus-{who}", "receivable", at, np.exp(rng.normal(12, 0.5, days))))
    rows = [
        (
            f"org-{org}",
            "acc-1",
            pd.Timestamp(FIRST_DAY, unit="D", tz="UTC") + pd.Timedelta(seconds=int(t)),
            int(a),
            who,
            k,
        )
        for org, who, k, at, amounts in parts
        for t, a in zip(at, amounts, strict=True)
    ]
    names = ["org_id", "account_id", "booked_at", "amount_minor", "counterparty_id", "category"]
    frame = pd.DataFrame(rows, columns=names).sort_values("booked_at", kind="stable", ignore_index=True)
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    return frame.assign(currency="VND", terminal_id=None, channel="transfer")


def anomaly() -> tuple[Any, ...]:
    rows = anomaly_features(Transactions.of(transactions()))
    model = train_anomaly(rows, seed=SEED, trees=20).model
    asked = with_gaps(rows)
    outflow, history = (asked[:, ANOMALY_FEATURES.columns.index(name)] for name in ("outflow", "history_days"))
    score, percentile, severity = np.empty(ROWS), np.empty(ROWS), np.empty(ROWS)
    for way, mine in (("in", outflow == 0), ("out", outflow != 0)):
        side = model.sides[way]
        trained, given = (
            np.minimum(np.nan_to_num(np.maximum((part[:, :16] - side.median) / side.scale, 0)), 20)
            for part in (usual_rows(rows, way), asked[mine])
        )
        depth = fit_forest(trained, SEED, 20).score_samples(single(given))
        score[mine] = 16 * np.log(-depth) + np.log1p((given**2).sum(axis=1))
        percentile[mine] = np.interp(score[mine], side.quantiles, GRID)
        level = sum((score[mine] >= threshold).astype(int) for threshold in side.thresholds)
        severity[mine] = np.minimum(level, 1) if way == "in" else level
    young = np.isnan(history) | (history < 21)
    severity[young] = 0
    numbers = {"score": score, "percentile": percentile, "severity": severity, "abstained": young}
    return model.files(), rows, asked, numbers
