"""What the scores leave for the tables of people: a row for each forecast, alert and answer. Amounts in minor units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

_TIME: Final = pa.timestamp("us", tz="UTC")
LATE: Final = "late_payments"
CASH: Final = "cashflow"
ODD: Final = "anomalies"
FEEDBACK: Final = "anomaly_feedback"
FLOOR: Final = "floor"
"""The version of what is said without any registered one."""

PREDICTIONS: Final[Mapping[str, pa.Schema]] = {
    LATE: pa.schema(
        [
            ("org_id", pa.string()),
            ("invoice_id", pa.string()),
            ("as_of", pa.date32()),
            ("p_late", pa.float64()),
            ("days_late", pa.float64()),
            ("days_late_low", pa.float64()),
            ("days_late_high", pa.float64()),
            ("expected_on", pa.date32()),
            ("reasons", pa.string()),
            ("model_version", pa.string()),
            ("made_at", _TIME),
        ]
    ),
    CASH: pa.schema(
        [
            ("org_id", pa.string()),
            ("as_of", pa.date32()),
            ("day", pa.date32()),
            ("currency", pa.string()),
            ("net_minor", pa.int64()),
            ("net_low_minor", pa.int64()),
            ("net_high_minor", pa.int64()),
            ("balance_minor", pa.int64()),
            ("balance_low_minor", pa.int64()),
            ("balance_high_minor", pa.int64()),
            ("p_below_zero", pa.float64()),
            ("method", pa.string()),
            ("model_version", pa.string()),
            ("made_at", _TIME),
        ]
    ),
    ODD: pa.schema(
        [
            ("org_id", pa.string()),
            ("transaction_id", pa.string()),
            ("as_of", pa.date32()),
            ("score", pa.float64()),
            ("severity", pa.string()),
            ("reasons", pa.string()),
            ("model_version", pa.string()),
            ("made_at", _TIME),
        ]
    ),
}
"""Tables of predictions. `as_of` is the day whose end they were made for; `made_at` is that moment, not the clock's."""

FEEDBACK_SCHEMA: Final = pa.schema(
    [
        ("org_id", pa.string()),
        ("transaction_id", pa.string()),
        ("is_anomaly", pa.bool_()),
        ("said_by", pa.string()),
        ("said_at", _TIME),
    ]
)
"""What a person said of an alert; the newest answer counts."""

EXTERNAL: Final[Mapping[str, pa.Schema]] = {
    "provinces": pa.schema(
        [
            ("generation", pa.string()),
            ("code", pa.string()),
            ("name", pa.string()),
            ("current_code", pa.string()),
        ]
    ),
    "indicators": pa.schema(
        [
            ("country_code", pa.string()),
            ("country", pa.string()),
            ("year", pa.int32()),
            ("indicator", pa.string()),
            ("value", pa.float64()),
        ]
    ),
}
"""Public tables of the monthly sync."""
