{{ growing("transaction_id") }}
{{ newest("bank_transactions", "transaction_id", ["account_id", utc("booked_at") ~ " as booked_at", "amount_minor", "currency", "counterparty_id", "terminal_id", "category", "channel"]) }}
