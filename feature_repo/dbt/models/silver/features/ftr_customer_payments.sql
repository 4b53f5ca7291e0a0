with judged as (
    select
        org_id,
        customer_id,
        amount_minor,
        is_late,
        date_diff('day', due_on, coalesce(cleared_on, {{ as_of() }})) as days_late,
        cleared_on
    from (
        select *, coalesce(cleared_on, {{ as_of() }}) > due_on as is_late
        from {{ ref("invoices") }}
        where cleared_on is not null or due_on < {{ as_of() }}
    ) as known
    where issued_on > {{ add_days(as_of(), -var("history_days")) }}
)

select
    org_id,
    customer_id,
    cast(count(*) as integer) as judged_invoices,
    cast(sum(case when is_late then 1 else 0 end) as integer) as late_invoices,
    {{ share("sum(case when is_late then 1 else 0 end)", "count(*)") }} as late_share,
    avg(cast(days_late as double)) as mean_days_late,
    max(days_late) as worst_days_late,
    {{ whole("sum(amount_minor)") }} as billed_minor,
    max(cleared_on) as last_cleared_on,
    {{ as_of() }} as as_of
from judged
group by org_id, customer_id
