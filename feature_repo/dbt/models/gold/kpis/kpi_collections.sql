with months as (
    select distinct month_start
    from {{ ref("dim_date") }}
    where day <= {{ as_of() }}
),

billed as (
    select
        org_id,
        currency,
        cast(date_trunc('month', issued_on) as date) as month_start,
        {{ whole("sum(amount_minor)") }} as billed_minor
    from {{ ref("fct_invoices") }}
    group by org_id, currency, cast(date_trunc('month', issued_on) as date)
),

collected as (
    select
        org_id,
        currency,
        cast(date_trunc('month', paid_on) as date) as month_start,
        {{ whole("sum(amount_minor)") }} as collected_minor
    from {{ ref("fct_payments") }}
    group by org_id, currency, cast(date_trunc('month', paid_on) as date)
),

spans as (
    select org_id, currency, min(month_start) as first_month
    from billed
    group by org_id, currency
),

filled as (
    select
        spans.org_id,
        spans.currency,
        months.month_start,
        coalesce(billed.billed_minor, 0) as billed_minor,
        coalesce(collected.collected_minor, 0) as collected_minor
    from spans
    inner join months on months.month_start >= spans.first_month
    left join billed
        on spans.org_id = billed.org_id and spans.currency = billed.currency and months.month_start = billed.month_start
    left join collected
        on
            spans.org_id = collected.org_id
            and spans.currency = collected.currency
            and months.month_start = collected.month_start
),

running as (
    select
        *,
        {{ whole("sum(billed_minor - collected_minor) over (partition by org_id, currency order by month_start)") }}
            as receivable_minor
    from filled
)

select
    org_id,
    currency,
    month_start,
    billed_minor,
    collected_minor,
    receivable_minor,
    {{ share("collected_minor", "receivable_minor + collected_minor") }} as collection_effectiveness
from running
