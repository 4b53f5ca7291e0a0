with bands as (
    select *, lead(from_days, 1, 1000000) over (order by from_days) as to_days
    from {{ ref("ar_overdue_bands") }}
),

open_invoices as (
    select * from {{ ref("fct_invoices") }}
    where is_open and open_amount_minor > 0
)

select
    invoices.org_id,
    invoices.currency,
    bands.band,
    bands.from_days,
    cast(count(*) as integer) as invoices,
    {{ whole("sum(invoices.open_amount_minor)") }} as open_minor,
    {{ share(
        "sum(invoices.open_amount_minor)",
        "sum(sum(invoices.open_amount_minor)) over (partition by invoices.org_id, invoices.currency)"
    ) }} as share_of_open,
    {{ as_of() }} as as_of
from open_invoices as invoices
inner join bands on invoices.days_overdue >= bands.from_days and invoices.days_overdue < bands.to_days
group by invoices.org_id, invoices.currency, bands.band, bands.from_days
