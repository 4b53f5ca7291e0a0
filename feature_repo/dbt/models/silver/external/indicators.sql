select country_code, country, cast(year as integer) as year, indicator, value
from {{ source("external", "indicators") }}
where value is not null
