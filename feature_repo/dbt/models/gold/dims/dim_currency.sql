select
    currency,
    name,
    decimals,
    vnd_per_100_minor
from {{ ref("currencies") }}
