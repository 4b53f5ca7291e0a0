{{ newest("customers", "customer_id", ["name", "segment", "province_code", "since"]) }}
