with starts as (
    select min(issued_on) as day from {{ ref("invoices") }}
    union all
    select min(cast(booked_at as date)) as day from {{ ref("bank_transactions") }}
    union all
    select {{ as_of() }} as day
),

spine as (
    select day
    from {{ days("(select min(day) from starts)", add_days(as_of(), 90)) }} as days
),

holidays as (select * from {{ ref("vn_holidays") }}),

tets as (select day as tet from holidays where name = 'Lunar New Year'),

nearest as (
    select
        spine.day,
        date_diff('day', spine.day, tets.tet) as days_to_tet,
        row_number() over (
            partition by spine.day order by abs(date_diff('day', spine.day, tets.tet)), tets.tet
        ) as place
    from spine
    cross join tets
)

select
    nearest.day,
    cast(extract(year from nearest.day) as integer) as year,
    cast(extract(quarter from nearest.day) as integer) as quarter,
    cast(extract(month from nearest.day) as integer) as month,
    cast(extract(day from nearest.day) as integer) as day_of_month,
    {{ iso_weekday("nearest.day") }} as iso_weekday,
    cast(date_trunc('month', nearest.day) as date) as month_start,
    holidays.name as holiday,
    {{ iso_weekday("nearest.day") }} < 6 and holidays.name is null as is_working_day,
    cast(extract(day from nearest.day) as integer) between 5 and 9 as is_payday_week,
    cast(nearest.days_to_tet as integer) as days_to_tet,
    nearest.day > {{ as_of() }} as is_future
from nearest
left join holidays on nearest.day = holidays.day
where nearest.place = 1
