with paid as (
    select
        payments.*,
        row_number() over (
            partition by payments.org_id, payments.customer_id, payments.paid_on, payments.amount_minor
            order by payments.payment_id
        ) as place
    from {{ ref("fct_payments") }} as payments
),

received as (
    select
        org_id,
        transaction_id,
        counterparty_id,
        booked_on,
        amount_minor,
        line_id,
        row_number() over (
            partition by org_id, counterparty_id, booked_on, amount_minor order by transaction_id
        ) as place
    from {{ ref("fct_bank_transactions") }}
    where category = 'receivable'
)

select
    paid.org_id,
    paid.invoice_id,
    paid.payment_id,
    received.transaction_id,
    paid.amount_minor,
    paid.currency,
    invoices.line_id as invoice_line_id,
    paid.line_id as payment_line_id,
    received.line_id as transaction_line_id
from paid
inner join {{ ref("fct_invoices") }} as invoices
    on paid.org_id = invoices.org_id and paid.invoice_id = invoices.invoice_id
left join received
    on
        paid.org_id = received.org_id
        and paid.customer_id = received.counterparty_id
        and paid.paid_on = received.booked_on
        and paid.amount_minor = received.amount_minor
        and paid.place = received.place
where {{ sampled("invoices.org_id || '/' || invoices.invoice_id") }}
