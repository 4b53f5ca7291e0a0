with named as (
    select org_id, customer_id from {{ ref("customers") }}
    union
    select org_id, customer_id from {{ ref("invoices") }}
)

select
    named.org_id,
    named.customer_id,
    customers.name,
    customers.segment,
    customers.province_code,
    provinces.name as province,
    provinces.current_code as current_province_code,
    customers.since,
    coalesce(habits.judged_invoices, 0) as judged_invoices,
    habits.late_share,
    habits.mean_days_late
from named
left join {{ ref("customers") }} as customers
    on named.org_id = customers.org_id and named.customer_id = customers.customer_id
left join {{ ref("provinces") }} as provinces
    on customers.province_code = provinces.code and provinces.generation = 'until 2025-06'
left join {{ ref("ftr_customer_payments") }} as habits
    on named.org_id = habits.org_id and named.customer_id = habits.customer_id
