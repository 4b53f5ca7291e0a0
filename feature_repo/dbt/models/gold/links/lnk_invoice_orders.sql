select
    orders.org_id,
    orders.invoice_id,
    orders.order_id,
    orders.amount_minor,
    orders.currency,
    invoices.line_id as invoice_line_id,
    orders.line_id as order_line_id
from {{ ref("fct_orders") }} as orders
inner join {{ ref("fct_invoices") }} as invoices
    on orders.org_id = invoices.org_id and orders.invoice_id = invoices.invoice_id
where {{ sampled("invoices.org_id || '/' || invoices.invoice_id") }}
