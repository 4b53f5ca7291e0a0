with recent as (
    select
        org_id,
        currency,
        {{ whole("sum(net_minor)") }} as net_30_days_minor,
        {{ whole("sum(inflow_minor)") }} as inflow_30_days_minor,
        {{ whole("sum(outflow_minor)") }} as outflow_30_days_minor,
        max_by(balance_minor, day) as balance_minor,
        cast(count(*) as integer) as days
    from {{ ref("fct_daily_cash") }}
    where day > {{ add_days(as_of(), -30) }}
    group by org_id, currency
),

receivable as (
    select
        org_id,
        currency,
        {{ whole("sum(open_minor)") }} as receivable_minor,
        {{ whole("sum(case when from_days > 0 then open_minor else 0 end)") }} as overdue_minor
    from {{ ref("kpi_ar_aging") }}
    group by org_id, currency
)

select
    recent.org_id,
    recent.currency,
    recent.balance_minor,
    recent.inflow_30_days_minor,
    recent.outflow_30_days_minor,
    recent.net_30_days_minor,
    case
        when recent.net_30_days_minor < 0 and recent.balance_minor > 0
            then cast(floor(cast(recent.balance_minor as double) * recent.days / -recent.net_30_days_minor) as bigint)
        when recent.balance_minor <= 0 then 0
    end as runway_days,
    coalesce(receivable.receivable_minor, 0) as receivable_minor,
    coalesce(receivable.overdue_minor, 0) as overdue_minor,
    {{ as_of() }} as as_of
from recent
left join receivable on recent.org_id = receivable.org_id and recent.currency = receivable.currency
