{{ growing("payment_id") }}
{{ newest("payments", "payment_id", ["invoice_id", "paid_on", "amount_minor", "currency"]) }}
