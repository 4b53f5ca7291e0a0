{# A sum by company and currency is that of another table. #}
{% test same_total(model, column, to, to_column) %}
    with here as (
        select org_id, currency, sum({{ column }}) as total
        from {{ model }}
        group by org_id, currency
    ),

    there as (
        select org_id, currency, sum({{ to_column }}) as total
        from {{ to }}
        group by org_id, currency
    )

    select *
    from here
    full outer join there on here.org_id = there.org_id and here.currency = there.currency
    where coalesce(here.total, 0) <> coalesce(there.total, 0)
{% endtest %}
