with used as (
    select distinct category from {{ ref("bank_transactions") }}
)

select
    coalesce(listed.category, used.category) as category,
    coalesce(listed.label, used.category) as label,
    coalesce(listed.flow, 'both') as flow,
    coalesce(listed.is_operating, true) as is_operating,
    used.category is not null as is_used
from {{ ref("transaction_categories") }} as listed
full outer join used on listed.category = used.category
