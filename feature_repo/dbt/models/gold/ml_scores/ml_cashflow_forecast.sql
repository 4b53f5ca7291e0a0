select
    org_id,
    as_of,
    day,
    currency,
    date_diff('day', as_of, day) as days_ahead,
    net_minor,
    net_low_minor,
    net_high_minor,
    balance_minor,
    balance_low_minor,
    balance_high_minor,
    p_below_zero,
    method,
    model_version
from {{ source("predictions", "cashflow") }}
where as_of <= {{ as_of() }}
