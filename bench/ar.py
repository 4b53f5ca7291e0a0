"""AR priority of 100,000 to 3,000,000 invoices by the dbt project on DuckDB, against plain window-function SQL.

The models from bronze to the scores are timed by dbt, two threads, with a limit of memory; the rival reads the same
staged invoices and computes the same points with windows and CASE, and must give the same scores.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from feature_repo.sme.bronze import open_bronze
from feature_repo.sme.warehouse import point_at, run_dbt

SIZES: Final = (100_000, 300_000, 1_000_000, 3_000_000)
MEMORY: Final = "1GB"
AS_OF: Final = date(2026, 3, 31)
PER_CUSTOMER: Final = 40
_INVOICES: Final = """
copy (
    select
        'org-' || (n % 50) as org_id,
        'inv-' || n as invoice_id,
        'cus-' || (hash(n) % {customers}) as customer_id,
        date '2026-03-31' - cast(hash(n + 1) % 500 as integer) as issued_on,
        issued_on + 30 as due_on,
        cast(100000 + hash(n + 2) % 20000000 as bigint) as amount_minor,
        'VND' as currency,
        case
            when hash(n + 3) % 10 < 7 then least(due_on + cast(hash(n + 4) % 40 as integer) - 15, date '2026-03-31')
        end as cleared_on,
        timestamptz '2026-03-31 10:00:00+00' as ingested_at,
        'line-' || n as line_id,
        'bench' as source
    from range({rows}) as numbers (n)
) to '{file}'
"""
PLAIN: Final = """
with judged as (
    select
        *,
        case when cleared_on is not null or due_on < {day} then 1 else 0 end
            * case when issued_on > {day} - 365 then 1 else 0 end as known,
        case when coalesce(cleared_on, {day}) > due_on then 1 else 0 end as late
    from silver.invoices
),
counted as (
    select
        *,
        sum(known) over (partition by org_id, customer_id) - known as others,
        sum(known * late) over (partition by org_id, customer_id) - known * late as others_late,
        {day} - due_on as days
    from judged
)
select
    org_id,
    invoice_id,
    case when days <= 0 then 0 when days <= 30 then 10 when days <= 60 then 20 when days <= 90 then 30 else 40 end
    + case when amount_minor >= 10000000 then 30 when amount_minor >= 5000000 then 20
        when amount_minor >= 1000000 then 10 else 5 end
    + case when others > 0 then floor(30 * others_late / others + 0.5) else 15 end as score
from counted
where cleared_on is null
"""


def measured(rows: int, folder: Path) -> dict[str, float]:
    """Seconds of the project and of the rival on so many invoices, and peak memory of dbt's process in MiB."""
    file, bronze = folder / "warehouse.duckdb", folder / "invoices.parquet"
    point_at(open_bronze(folder / "lake"), file)
    with duckdb.connect(str(file)) as db:
        db.execute(_INVOICES.format(rows=rows, customers=max(1, rows // 50 // PER_CUSTOMER), file=bronze))
        db.execute(f"create or replace view bronze.invoices as from read_parquet('{bronze}')")
    environment = {"DBT_SME_WAREHOUSE": str(file), "DBT_SME_MEMORY": MEMORY}
    options = ["--exclude-resource-type", "test", "--select", "+ml_ar_priority_scores"]
    built = run_dbt("build", AS_OF, folder, environment, options=options)
    models = sum(seconds for node, seconds in built.seconds.items() if node.startswith("model."))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with duckdb.connect(str(file), config={"threads": 2, "memory_limit": MEMORY}) as db:
        began = time.perf_counter()
        db.execute("create table plain as " + PLAIN.format(day=f"date '{AS_OF}'"))
        plain = time.perf_counter() - began
        differ = db.execute(
            "select count(*) from plain full join gold.ml_ar_priority_scores as ours using (org_id, invoice_id)"
            " where plain.score is distinct from ours.priority_score"
        ).fetchall()[0][0]
    assert differ == 0, f"{differ} invoices have another score"
    return {"rows": rows, "seconds": round(models, 2), "plain_window_sql_seconds": round(plain, 2), "peak_mib": peak}


def main() -> Mapping[str, object]:
    """Every size in a folder of its own; seconds per million and how they grow."""
    results = []
    for rows in SIZES:
        with tempfile.TemporaryDirectory() as name:
            results.append(measured(rows, Path(name)))
    per_million = {f"{item['rows']:,.0f}": round(item["seconds"] / item["rows"] * 1e6, 2) for item in results}
    return {
        "sizes": results,
        "seconds_for_1_million": next(item["seconds"] for item in results if item["rows"] == 1_000_000),
        "seconds_per_million": per_million,
        "memory_limit": MEMORY,
        "cpus": os.cpu_count(),
    }
