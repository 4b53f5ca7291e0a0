select
    cash.org_id,
    cash.currency,
    cash.day,
    cash.inflow_minor,
    cash.outflow_minor,
    cash.net_minor,
    cash.balance_minor,
    cash.transactions,
    dates.is_working_day,
    dates.days_to_tet
from {{ ref("ftr_daily_cash") }} as cash
left join {{ ref("dim_date") }} as dates on cash.day = dates.day
