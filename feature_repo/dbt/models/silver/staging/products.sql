{{ newest("products", "product_id", ["name", "category", "unit_price_minor", "unit_cost_minor", "currency"]) }}
