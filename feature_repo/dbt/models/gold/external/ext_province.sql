select
    provinces.generation,
    provinces.code,
    provinces.name,
    provinces.current_code,
    current_names.name as current_name
from {{ ref("provinces") }} as provinces
left join {{ ref("provinces") }} as current_names
    on provinces.current_code = current_names.code and current_names.generation = 'since 2025-07'
