"""What people read: gold tables of one company, always by its `org_id`."""

from __future__ import annotations

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


def tiers(settings: Settings) -> dict[str, int]:
    """Open invoices of all companies by tier, the most urgent first."""
    query = "select tier, count(*) from gold.ml_ar_priority_scores group by tier order by min(priority_score) desc"
    with reading(settings) as db:
        return {tier: int(count) for tier, count in db.execute(query).fetchall()}
