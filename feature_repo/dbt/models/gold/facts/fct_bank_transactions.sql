select
    transactions.org_id,
    transactions.transaction_id,
    transactions.account_id,
    transactions.booked_at,
    cast(transactions.booked_at as date) as booked_on,
    transactions.amount_minor,
    abs(transactions.amount_minor) as size_minor,
    case when transactions.amount_minor > 0 then 'in' else 'out' end as direction,
    transactions.currency,
    transactions.counterparty_id,
    transactions.terminal_id,
    transactions.category,
    categories.is_operating,
    transactions.channel,
    transactions.ingested_at,
    transactions.line_id
from {{ ref("bank_transactions") }} as transactions
left join {{ ref("dim_category") }} as categories on transactions.category = categories.category
