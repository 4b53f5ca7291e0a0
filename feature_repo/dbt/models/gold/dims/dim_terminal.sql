select
    org_id,
    terminal_id,
    cast(min(booked_at) as date) as first_booked_on,
    cast(max(booked_at) as date) as last_booked_on,
    cast(count(*) as integer) as transactions,
    cast(sum(case when amount_minor < 0 then 1 else 0 end) as integer) as refunds
from {{ ref("bank_transactions") }}
where terminal_id is not null
group by org_id, terminal_id
