with transactions as (
    select
        org_id,
        min(cast(booked_at as date)) as first_booked_on,
        max(cast(booked_at as date)) as last_booked_on,
        cast(count(distinct account_id) as integer) as accounts
    from {{ ref("bank_transactions") }}
    group by org_id
),

customers as (
    select org_id, cast(count(*) as integer) as customers
    from {{ ref("customers") }}
    group by org_id
),

billed as (
    select org_id, max_by(currency, invoices) as main_currency
    from (select org_id, currency, count(*) as invoices from {{ ref("invoices") }} group by org_id, currency) as per_currency
    group by org_id
),

known as (
    select org_id from transactions
    union
    select org_id from customers
    union
    select org_id from billed
)

select
    known.org_id,
    billed.main_currency,
    coalesce(customers.customers, 0) as customers,
    coalesce(transactions.accounts, 0) as accounts,
    transactions.first_booked_on,
    transactions.last_booked_on,
    date_diff('day', transactions.first_booked_on, {{ as_of() }}) + 1 as days_of_history
from known
left join transactions on known.org_id = transactions.org_id
left join customers on known.org_id = customers.org_id
left join billed on known.org_id = billed.org_id
