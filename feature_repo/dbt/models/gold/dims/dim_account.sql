select
    org_id,
    account_id,
    currency,
    cast(min(booked_at) as date) as first_booked_on,
    cast(max(booked_at) as date) as last_booked_on,
    cast(count(*) as integer) as transactions,
    {{ whole("sum(amount_minor)") }} as balance_minor
from {{ ref("bank_transactions") }}
where cast(booked_at as date) <= {{ as_of() }}
group by org_id, account_id, currency
