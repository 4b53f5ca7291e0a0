"""What people say of alerts: kept in the lake for the next training, which moves the thresholds by it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from feature_repo.sme.bronze import bronze_name
from feature_repo.sme.gold import of_org
from scoreops.adapters.lake import Lake
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound
from scoreops.sme.predictions import FEEDBACK, FEEDBACK_SCHEMA

_KNOWN: Final = "select transaction_id from silver.bank_transactions where org_id = ? and transaction_id = ?"


def say(settings: Settings, org: str, transaction: str, *, odd: bool, by: str, at: datetime) -> None:
    """Keep that somebody called a transaction odd, or not. The newest answer counts. Raises NotFound."""
    if not of_org(settings, org, _KNOWN, transaction).num_rows:
        raise NotFound(f"{org} has no transaction {transaction!r}")
    row = {"org_id": org, "transaction_id": transaction, "is_anomaly": odd, "said_by": by, "said_at": at}
    lake = Lake(settings.lake_dir)
    lake.ensure(bronze_name(FEEDBACK), FEEDBACK_SCHEMA, "said_at", by="month")
    lake.append(bronze_name(FEEDBACK), pa.Table.from_pylist([row], schema=FEEDBACK_SCHEMA), {})
