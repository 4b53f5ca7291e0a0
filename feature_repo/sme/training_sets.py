"""The training sets of SME Pulse: written once for a run, so that all scores of it learn from the same tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from feature_repo.sme.warehouse import reading
from scoreops.adapters.settings import Settings
from scoreops.core.errors import Refused
from scoreops.sme.calendar import day_number

SETS: Final = {
    "late_payments": """
        select org_id, invoice_id, customer_id, issued_on, due_on, currency, amount_minor,
            case when cleared_on <= $day then cleared_on end as cleared_on
        from silver.trn_late_payments where issued_on <= $day order by org_id, invoice_id""",
    "transactions": """
        select * exclude (as_of) from silver.trn_anomalies
        where cast(booked_at as date) <= $day and category <> 'opening_balance'
        order by booked_at, org_id, transaction_id""",
    "transactions_all": """
        select org_id, currency, booked_at, amount_minor, category from silver.trn_anomalies
        where cast(booked_at as date) <= $day
        order by booked_at, org_id, transaction_id""",
    "feedback": """
        select org_id, transaction_id, is_anomaly, said_at from bronze.anomaly_feedback
        where cast(said_at as date) <= $day
        qualify row_number() over (partition by org_id, transaction_id order by said_at desc) = 1""",
}
"""Files of a run, and what stands in them: what was known at the end of a day."""


def write_training_sets(settings: Settings, as_of: date | None, out: Path) -> dict[str, Any]:
    """Write every set as OUT/SET.parquet, of the day that silver was built for or of an earlier one.

    Raises Refused when silver was built for a day before `as_of`.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = {}
    with reading(settings) as db:
        (built,) = db.execute("select max(as_of) from silver.trn_late_payments").fetchone() or (None,)
        if built is None or (as_of and built < as_of):
            raise Refused(f"silver is of {built or 'no day'}, not yet of {as_of or 'any'}; run sme_daily_etl first")
        day = as_of or built
        for name, query in SETS.items():
            frame = db.execute(query, {"day": day}).df()
            frame.to_parquet(out / f"{name}.parquet")
            rows[name] = len(frame)
    return {"rows": rows, "as_of": day.isoformat(), "until": (day_number(day) + 1) * 24}


def read_set(folder: Path, name: str) -> pd.DataFrame:
    """One set of a run."""
    return pd.read_parquet(folder / f"{name}.parquet")


def day_of(until: int) -> int:
    """The day since 1970 that begins at the hour `until`: the first one of which nothing is known."""
    return until // 24
