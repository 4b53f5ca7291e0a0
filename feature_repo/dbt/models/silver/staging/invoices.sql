with newest as (
    {{ newest("invoices", "invoice_id", ["customer_id", "issued_on", "due_on", "amount_minor", "currency", "cleared_on"]) }}
)

select
    org_id,
    invoice_id,
    customer_id,
    issued_on,
    due_on,
    amount_minor,
    currency,
    case when cleared_on <= {{ as_of() }} then cleared_on end as cleared_on,
    ingested_at,
    line_id
from newest
where issued_on <= {{ as_of() }}
