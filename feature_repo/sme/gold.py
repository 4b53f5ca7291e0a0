"""What people read: gold tables of one company, always by its `org_id`."""

from __future__ import annotations

import json
from typing import Any, Final

import duckdb
import pyarrow as pa

from feature_repo.sme.warehouse import reading
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound

RULE: Final = "rule"
EXPECTED: Final = "expected-cash"
RANKS: Final = {RULE: "priority_rank", EXPECTED: "expected_cash_rank"}


def orgs(settings: Settings) -> list[str]:
    """Companies that there are."""
    with reading(settings) as db:
        return _orgs(db)


def _orgs(db: duckdb.DuckDBPyConnection) -> list[str]:
    return [row[0] for row in db.execute("select distinct org_id from silver.customers order by 1").fetchall()]


def _known(db: duckdb.DuckDBPyConnection, org: str) -> None:
    known = _orgs(db)
    if org not in known:
        some = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise NotFound(f"there is no company {org!r}; there are {some or 'none'}")


def of_org(settings: Settings, org: str, query: str, *values: object) -> pa.Table:
    """Rows of a query whose first parameter is the company. Raises NotFound for a company that is not there."""
    with reading(settings) as db:
        _known(db, org)
        return db.sql(query, params=[org, *values]).to_arrow_table()


_WORKLIST: Final = """
select scores.*, customers.name as customer_name
from gold.ml_ar_priority_scores as scores
left join silver.customers as customers
    on scores.org_id = customers.org_id and scores.customer_id = customers.customer_id
where scores.org_id = ?
order by {rank} nulls last, priority_rank
limit ?
"""


def worklist(settings: Settings, org: str, *, by: str = RULE, limit: int = 20) -> list[dict[str, Any]]:
    """Open invoices of a company, the first to chase first: by the rule, or by the cash that a call should bring."""
    rows: list[dict[str, Any]] = of_org(settings, org, _WORKLIST.format(rank=RANKS[by]), limit).to_pylist()
    return rows


_ALERTS: Final = """
select * from gold.ml_anomaly_alerts
where org_id = ? and list_contains(?, severity)
order by case severity when 'high' then 0 when 'medium' then 1 else 2 end, score desc, transaction_id
"""
SEVERITIES: Final = ("low", "medium", "high")


def alerts(settings: Settings, org: str, at_least: str) -> list[dict[str, Any]]:
    """Odd transactions of a company of a severity and above, the worst first; none is left out."""
    wanted = list(SEVERITIES[SEVERITIES.index(at_least) :])
    rows: list[dict[str, Any]] = of_org(settings, org, _ALERTS, wanted).to_pylist()
    for row in rows:
        row["reasons"] = json.loads(row["reasons"])
    return rows


_FORECAST: Final = """
select * from gold.ml_cashflow_forecast
where org_id = ? and as_of = (select max(as_of) from gold.ml_cashflow_forecast where org_id = ?)
order by currency, day
"""


def forecast(settings: Settings, org: str) -> list[dict[str, Any]]:
    """The newest cash forecast of a company, day by day."""
    rows: list[dict[str, Any]] = of_org(settings, org, _FORECAST, org).to_pylist()
    return rows


_POSITION: Final = "select * from gold.kpi_cash_position where org_id = ? order by currency"


def cash_position(settings: Settings, org: str) -> list[dict[str, Any]]:
    """Balance, pace and runway of a company at the end of the day of the build, by currency."""
    rows: list[dict[str, Any]] = of_org(settings, org, _POSITION).to_pylist()
    return rows


def tiers(settings: Settings) -> dict[str, int]:
    """Open invoices of all companies by tier, the most urgent first."""
    query = "select tier, count(*) from gold.ml_ar_priority_scores group by tier order by min(priority_score) desc"
    with reading(settings) as db:
        return {tier: int(count) for tier, count in db.execute(query).fetchall()}
