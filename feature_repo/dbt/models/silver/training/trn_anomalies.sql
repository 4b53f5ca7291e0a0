with said as (
    select
        org_id,
        transaction_id,
        is_anomaly,
        row_number() over (partition by org_id, transaction_id order by said_at desc) as place
    from {{ source("bronze", "anomaly_feedback") }}
    where {{ utc("said_at") }} < {{ as_of_end() }}
)

select
    transactions.org_id,
    transactions.transaction_id,
    transactions.account_id,
    transactions.booked_at,
    transactions.amount_minor,
    transactions.currency,
    transactions.counterparty_id,
    transactions.terminal_id,
    transactions.category,
    transactions.channel,
    said.is_anomaly as label,
    {{ as_of() }} as as_of
from {{ ref("bank_transactions") }} as transactions
left join said
    on transactions.org_id = said.org_id and transactions.transaction_id = said.transaction_id and said.place = 1
