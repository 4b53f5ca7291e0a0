with paid as (
    select
        org_id,
        invoice_id,
        {{ whole("sum(amount_minor)") }} as paid_minor,
        max(paid_on) as last_paid_on
    from {{ ref("payments") }}
    where paid_on <= {{ as_of() }}
    group by org_id, invoice_id
),

joined as (
    select
        invoices.*,
        coalesce(paid.paid_minor, 0) as paid_minor,
        paid.last_paid_on
    from {{ ref("invoices") }} as invoices
    left join paid on invoices.org_id = paid.org_id and invoices.invoice_id = paid.invoice_id
)

select
    org_id,
    invoice_id,
    customer_id,
    issued_on,
    due_on,
    cleared_on,
    currency,
    amount_minor,
    paid_minor,
    last_paid_on,
    case when cleared_on is null then greatest(amount_minor - paid_minor, 0) else 0 end as open_amount_minor,
    date_diff('day', issued_on, due_on) as terms_days,
    case when cleared_on is null then date_diff('day', due_on, {{ as_of() }}) end as days_overdue,
    date_diff('day', due_on, cleared_on) as days_late,
    cleared_on is null as is_open,
    coalesce(cleared_on, {{ as_of() }}) > due_on as is_late,
    cleared_on is not null or due_on < {{ as_of() }} as outcome_known,
    ingested_at,
    line_id,
    {{ as_of() }} as as_of
from joined
