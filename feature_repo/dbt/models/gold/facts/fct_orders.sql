select
    orders.org_id,
    orders.order_id,
    orders.customer_id,
    orders.invoice_id,
    orders.product_id,
    orders.ordered_at,
    cast(orders.ordered_at as date) as ordered_on,
    orders.quantity,
    orders.amount_minor,
    orders.currency,
    orders.amount_minor - orders.quantity * products.unit_cost_minor as margin_minor,
    orders.ingested_at,
    orders.line_id
from {{ ref("orders") }} as orders
left join {{ ref("products") }} as products
    on orders.org_id = products.org_id and orders.product_id = products.product_id
