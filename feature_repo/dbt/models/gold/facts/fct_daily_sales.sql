with account as (
    select
        org_id,
        currency,
        ordered_on as day,
        'account' as channel,
        cast(count(*) as integer) as sales,
        {{ whole("sum(amount_minor)") }} as revenue_minor
    from {{ ref("fct_orders") }}
    group by org_id, currency, ordered_on
),

card as (
    select
        org_id,
        currency,
        booked_on as day,
        'card' as channel,
        cast(count(*) as integer) as sales,
        {{ whole("sum(amount_minor)") }} as revenue_minor
    from {{ ref("fct_bank_transactions") }}
    where category in ('card_sale', 'card_refund')
    group by org_id, currency, booked_on
)

select * from account
union all
select * from card
