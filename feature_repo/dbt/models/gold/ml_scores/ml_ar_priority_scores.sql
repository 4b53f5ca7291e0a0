with invoices as (
    select * from {{ ref("fct_invoices") }}
),

-- the last year of each customer, as far as its outcome is known
habits as (
    select
        org_id,
        customer_id,
        count(*) as judged,
        sum(case when is_late then 1 else 0 end) as late
    from invoices
    where outcome_known and issued_on > {{ add_days(as_of(), -var("history_days")) }}
    group by org_id, customer_id
),

-- an open invoice does not judge itself
others as (
    select
        invoices.org_id,
        invoices.invoice_id,
        invoices.customer_id,
        invoices.issued_on,
        invoices.due_on,
        invoices.currency,
        invoices.amount_minor,
        invoices.open_amount_minor,
        invoices.days_overdue,
        {{ whole("floor(cast(invoices.open_amount_minor as double) * currencies.vnd_per_100_minor / 100)") }}
            as open_amount_vnd,
        coalesce(habits.judged, 0) - {{ itself("true") }} as other_invoices,
        coalesce(habits.late, 0) - {{ itself("is_late") }} as other_late_invoices
    from invoices
    inner join {{ ref("currencies") }} as currencies on invoices.currency = currencies.currency
    left join habits on invoices.org_id = habits.org_id and invoices.customer_id = habits.customer_id
    where invoices.is_open and invoices.open_amount_minor > 0
),

overdue_bands as (
    select *, lead(from_days, 1, 1000000) over (order by from_days) as to_days
    from {{ ref("ar_overdue_bands") }}
),

amount_bands as (
    select *, lead(cast(from_vnd as bigint), 1, cast(9000000000000000000 as bigint)) over (order by from_vnd) as to_vnd
    from {{ ref("ar_amount_bands") }}
),

tiers as (
    select *, lead(from_score, 1, 1000) over (order by from_score) as to_score
    from {{ ref("ar_tiers") }}
),

pointed as (
    select
        others.*,
        overdue_bands.band as overdue_band,
        overdue_bands.points as overdue_points,
        overdue_bands.contact_effect,
        amount_bands.points as amount_points,
        {{ share("others.other_late_invoices", "others.other_invoices") }} as late_share,
        case
            when others.other_invoices > 0
                then cast(
                    floor(
                        cast(60 * others.other_late_invoices + others.other_invoices as double)
                        / (2 * others.other_invoices)
                    ) as integer
                )
            else {{ var("unknown_risk_points") }}
        end as risk_points
    from others
    inner join overdue_bands
        on others.days_overdue >= overdue_bands.from_days and others.days_overdue < overdue_bands.to_days
    inner join amount_bands
        on others.open_amount_vnd >= amount_bands.from_vnd and others.open_amount_vnd < amount_bands.to_vnd
),

scored as (
    select *, overdue_points + amount_points + risk_points as priority_score
    from pointed
),

expected as (
    select
        scored.*,
        tiers.tier,
        late.p_late,
        late.expected_on,
        late.model_version,
        {{ whole("round(cast(scored.open_amount_minor as double) * late.p_late * scored.contact_effect)") }}
            as expected_cash_minor
    from scored
    inner join tiers on scored.priority_score >= tiers.from_score and scored.priority_score < tiers.to_score
    left join {{ source("predictions", "late_payments") }} as late
        on
            scored.org_id = late.org_id
            and scored.invoice_id = late.invoice_id
            and late.as_of = {{ as_of() }}
)

select
    org_id,
    invoice_id,
    customer_id,
    issued_on,
    due_on,
    currency,
    amount_minor,
    open_amount_minor,
    open_amount_vnd,
    days_overdue,
    overdue_band,
    cast(other_invoices as integer) as other_invoices,
    cast(other_late_invoices as integer) as other_late_invoices,
    late_share,
    overdue_points,
    amount_points,
    risk_points,
    priority_score,
    tier,
    row_number() over (
        partition by org_id order by priority_score desc, open_amount_vnd desc, invoice_id
    ) as priority_rank,
    p_late,
    expected_on,
    contact_effect,
    expected_cash_minor,
    case
        when expected_cash_minor is not null then row_number() over (
            partition by org_id order by expected_cash_minor desc nulls last, priority_score desc, invoice_id
        )
    end as expected_cash_rank,
    model_version,
    {{ as_of() }} as as_of
from expected
