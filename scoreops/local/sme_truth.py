"""What the SME scores said against what is true of the generated companies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from feature_repo.sme.predict_cash import INVOICES, TRANSACTIONS, floor_forecasts, forecasts
from feature_repo.sme.predict_odd import HISTORY
from feature_repo.sme.predictions import Served, frame
from scoreops.sme.anomaly import SEVERITIES
from scoreops.sme.anomaly_features import Transactions, anomaly_features
from scoreops.sme.calendar import day_number
from scoreops.sme.cash_features import books_of


def late_agreement(db: duckdb.DuckDBPyConnection, truth: Path) -> dict[str, Any]:
    """Predicted days late of the open invoices against the day on which each will truly be paid."""
    told = frame(
        db,
        "select late.org_id, late.invoice_id, p_late, days_late, days_late_low, days_late_high, due_on, late.as_of"
        " from predictions.late_payments as late inner join silver.invoices using (org_id, invoice_id)"
        " where due_on >= late.as_of",
    )
    if told.empty:
        return {"open_and_not_due": 0}
    rows = told.merge(pd.read_parquet(truth / "invoices.parquet"), on=["org_id", "invoice_id"])
    paid = rows[rows["clears_on"].notna()]
    late = (pd.to_datetime(paid["clears_on"]) - pd.to_datetime(paid["due_on"])).dt.days.to_numpy()
    inside = (late >= paid["days_late_low"]) & (late <= paid["days_late_high"])
    error = np.abs(late - np.rint(paid["days_late"].to_numpy()))
    was_late = (pd.to_datetime(rows["clears_on"]) > pd.to_datetime(rows["due_on"])) | rows["clears_on"].isna()
    return {
        "open_and_not_due": len(rows),
        "mae_days": round(float(error.mean()), 2),
        "within_3_days": round(float((error <= 3).mean()), 3),
        "interval_80_covers": round(float(inside.mean()), 3),
        "brier_late": round(float(((rows["p_late"] - was_late) ** 2).mean()), 3),
    }


def odd_agreement(
    db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], truth: Path, since: date, until: date
) -> dict[str, Any]:
    """Precision by severity, and recall of each planted kind, among the transactions booked from `since` to `until`.

    Nothing where sme-anomaly is not served.
    """
    if "sme-anomaly" not in served:
        return {}
    rows = frame(db, HISTORY, until)
    features = anomaly_features(Transactions.of(rows))
    chosen = (rows["booked_at"] >= pd.Timestamp(since)).to_numpy()
    severity = np.asarray(
        served["sme-anomaly"].scorer.infer({"features": features[chosen]}, {"reasons": False})["severity"]
    )
    judged = rows.loc[chosen, ["org_id", "transaction_id"]].assign(severity=severity)
    planted = judged.merge(pd.read_parquet(truth / "anomalies.parquet"), on=["org_id", "transaction_id"], how="left")
    odd = planted["kind"].notna()
    found: dict[str, Any] = {"judged": len(planted), "planted": int(odd.sum())}
    for level in range(len(SEVERITIES) - 1, 0, -1):
        told = planted["severity"] >= level
        found[f"{SEVERITIES[level]}_and_above"] = {
            "alerts": int(told.sum()),
            "precision": _share(told & odd, told),
            "recall": _share(told & odd, odd),
            "recall_by_kind": {
                str(kind): _share(told & (planted["kind"] == kind), planted["kind"] == kind)
                for kind in sorted(planted["kind"].dropna().unique())
            },
        }
    return found


def cash_agreement(
    db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], mornings: Iterable[date], days: int
) -> dict[str, Any]:
    """The forecasts made at the end of each of `mornings` against what was booked in the `days` after it.

    The days of one morning rise and fall together, so a share of few mornings says little.
    """
    found = {morning.isoformat(): _against_books(db, served, morning, days) for morning in mornings}
    told = pd.concat(found, names=["made_on"])
    if told.empty:
        return {"made_on": list(found), "companies": 0}
    return {
        "made_on": list(found),
        "companies": int(told["org_id"].nunique()),
        "day_interval_80_covers": round(float(told["inside"].mean()), 3),
        "covers_by_morning": told.groupby("made_on")["inside"].mean().round(3).to_dict(),
        "mae_of_mean_size": round(float(told["error"].mean()), 3),
        "methods": {str(name): int(n) for name, n in told.groupby("method")["org_id"].nunique().items()},
    }


def _against_books(db: duckdb.DuckDBPyConnection, served: Mapping[str, Served], as_of: date, days: int) -> pd.DataFrame:
    """A row for each company, currency and day: org_id, method, inside (of the interval), error in mean daily flows."""
    transactions = frame(db, TRANSACTIONS, as_of + timedelta(days=days))
    booked = transactions["booked_at"] < pd.Timestamp(as_of + timedelta(days=1))
    invoices = frame(db, INVOICES, as_of)
    invoices["cleared_on"] = invoices["cleared_on"].where(invoices["cleared_on"] <= pd.Timestamp(as_of))
    known = transactions[booked]
    by_floor = not {"cash-flow", "late-payment"} <= set(served)
    rows = pd.DataFrame(floor_forecasts(known, as_of) if by_floor else forecasts(served, known, invoices, as_of))
    if rows.empty:
        return pd.DataFrame(columns=["org_id", "method", "inside", "error"])
    until = day_number(as_of) + 1
    books = books_of(transactions, until=until + days)
    came = pd.DataFrame(books.ahead(until)[:, :days], index=pd.MultiIndex.from_tuples(books.keys))
    rows["step"] = rows.groupby(["org_id", "currency"]).cumcount()
    rows = rows[rows["step"] < days]
    keys = list(zip(rows["org_id"], rows["currency"], strict=True))
    truth = np.array([came.loc[key, step] for key, step in zip(keys, rows["step"], strict=True)])
    usual = came.abs().mean(axis=1)
    inside = (truth >= rows["net_low_minor"]) & (truth <= rows["net_high_minor"])
    error = np.abs(truth - rows["net_minor"]) / usual.loc[keys].to_numpy()
    return rows[["org_id", "method"]].assign(inside=inside, error=error)


def _share(part: pd.Series[bool], whole: pd.Series[bool]) -> float | None:
    return round(float(part.sum() / whole.sum()), 3) if whole.any() else None
