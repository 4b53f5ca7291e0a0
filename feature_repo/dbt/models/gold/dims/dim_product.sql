select
    org_id,
    product_id,
    name,
    category,
    currency,
    unit_price_minor,
    unit_cost_minor,
    {{ share("unit_price_minor - unit_cost_minor", "unit_price_minor") }} as margin_share
from {{ ref("products") }}
