{{ growing("order_id") }}
{{ newest("orders", "order_id", ["customer_id", "invoice_id", "product_id", utc("ordered_at") ~ " as ordered_at", "quantity", "amount_minor", "currency"]) }}
