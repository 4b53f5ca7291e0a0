select
    payments.org_id,
    payments.payment_id,
    payments.invoice_id,
    invoices.customer_id,
    payments.paid_on,
    payments.amount_minor,
    payments.currency,
    date_diff('day', invoices.due_on, payments.paid_on) as days_after_due,
    payments.ingested_at,
    payments.line_id
from {{ ref("payments") }} as payments
left join {{ ref("invoices") }} as invoices
    on payments.org_id = invoices.org_id and payments.invoice_id = invoices.invoice_id
