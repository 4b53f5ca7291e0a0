with booked as (
    select
        org_id,
        currency,
        cast(booked_at as date) as day,
        amount_minor,
        category
    from {{ ref("bank_transactions") }}
    where cast(booked_at as date) <= {{ as_of() }}
),

per_day as (
    select
        org_id,
        currency,
        day,
        {{ whole("sum(case when amount_minor > 0 and category not in ('internal', 'opening_balance') then amount_minor else 0 end)") }}
            as inflow_minor,
        {{ whole("sum(case when amount_minor < 0 and category <> 'internal' then -amount_minor else 0 end)") }} as outflow_minor,
        {{ whole("sum(case when category = 'opening_balance' then amount_minor else 0 end)") }} as opening_minor,
        cast(count(*) as integer) as transactions
    from booked
    group by org_id, currency, day
),

spans as (
    select org_id, currency, min(day) as first_day
    from per_day
    group by org_id, currency
),

spine as (
    select spans.org_id, spans.currency, days.day
    from spans
    inner join {{ days("(select min(first_day) from spans)", as_of()) }} as days on days.day >= spans.first_day
),

filled as (
    select
        spine.org_id,
        spine.currency,
        spine.day,
        coalesce(per_day.inflow_minor, 0) as inflow_minor,
        coalesce(per_day.outflow_minor, 0) as outflow_minor,
        coalesce(per_day.opening_minor, 0) as opening_minor,
        coalesce(per_day.transactions, 0) as transactions
    from spine
    left join per_day
        on spine.org_id = per_day.org_id and spine.currency = per_day.currency and spine.day = per_day.day
)

select
    org_id,
    currency,
    day,
    inflow_minor,
    outflow_minor,
    inflow_minor - outflow_minor as net_minor,
    {{ whole("sum(inflow_minor - outflow_minor + opening_minor) over (partition by org_id, currency order by day)") }}
        as balance_minor,
    transactions
from filled
