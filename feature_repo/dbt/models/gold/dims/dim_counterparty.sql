select
    transactions.org_id,
    transactions.counterparty_id,
    case
        when max(customers.customer_id) is not null then 'customer'
        when max(transactions.terminal_id) is not null then 'card'
        else 'other'
    end as kind,
    cast(min(transactions.booked_at) as date) as first_booked_on,
    cast(max(transactions.booked_at) as date) as last_booked_on,
    cast(count(*) as integer) as transactions,
    {{ whole("sum(case when transactions.amount_minor > 0 then transactions.amount_minor else 0 end)") }} as received_minor,
    {{ whole("sum(case when transactions.amount_minor < 0 then -transactions.amount_minor else 0 end)") }} as paid_minor
from {{ ref("bank_transactions") }} as transactions
left join {{ ref("customers") }} as customers
    on transactions.org_id = customers.org_id and transactions.counterparty_id = customers.customer_id
where transactions.counterparty_id is not null
group by transactions.org_id, transactions.counterparty_id
