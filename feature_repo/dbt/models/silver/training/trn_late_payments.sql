select
    org_id,
    invoice_id,
    customer_id,
    issued_on,
    due_on,
    currency,
    amount_minor,
    cleared_on,
    cleared_on is null as is_censored,
    date_diff('day', due_on, coalesce(cleared_on, {{ as_of() }})) as days_late_or_so_far,
    case when cleared_on is not null or due_on < {{ as_of() }} then coalesce(cleared_on, {{ as_of() }}) > due_on end as is_late,
    {{ as_of() }} as as_of
from {{ ref("invoices") }}
