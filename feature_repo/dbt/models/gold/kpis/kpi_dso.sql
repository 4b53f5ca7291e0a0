with spine as (
    select distinct org_id, currency, month_start
    from {{ ref("kpi_collections") }}
),

-- receivable at the end of each month against what was billed in the 90 days before
billed as (
    select
        spine.org_id,
        spine.currency,
        spine.month_start,
        {{ whole("sum(invoices.amount_minor)") }} as billed_minor,
        cast(count(*) as integer) as invoices
    from spine
    inner join {{ ref("fct_invoices") }} as invoices
        on
            spine.org_id = invoices.org_id
            and spine.currency = invoices.currency
            and invoices.issued_on < {{ month_end("spine.month_start") }}
            and invoices.issued_on >= {{ add_days(month_end("spine.month_start"), -90) }}
    group by spine.org_id, spine.currency, spine.month_start
)

select
    collections.org_id,
    collections.currency,
    collections.month_start,
    collections.receivable_minor,
    billed.billed_minor as billed_90_days_minor,
    {{ share("90 * collections.receivable_minor", "billed.billed_minor") }} as dso_days
from {{ ref("kpi_collections") }} as collections
left join billed
    on
        collections.org_id = billed.org_id
        and collections.currency = billed.currency
        and collections.month_start = billed.month_start
