with newest as (
    select
        *,
        row_number() over (partition by org_id, transaction_id order by as_of desc) as place
    from {{ source("predictions", "anomalies") }}
    where as_of <= {{ as_of() }}
)

select
    newest.org_id,
    newest.transaction_id,
    newest.as_of,
    transactions.booked_at,
    transactions.account_id,
    transactions.amount_minor,
    transactions.currency,
    transactions.counterparty_id,
    transactions.terminal_id,
    transactions.category,
    newest.score,
    newest.severity,
    newest.reasons,
    labels.label as feedback,
    newest.model_version
from newest
inner join {{ ref("fct_bank_transactions") }} as transactions
    on newest.org_id = transactions.org_id and newest.transaction_id = transactions.transaction_id
left join {{ ref("trn_anomalies") }} as labels
    on newest.org_id = labels.org_id and newest.transaction_id = labels.transaction_id
where newest.place = 1
