select
    country_code,
    max(country) as country,
    year,
    max(case when indicator = 'gdp_usd' then value end) as gdp_usd,
    max(case when indicator = 'inflation_percent' then value end) as inflation_percent,
    max(case when indicator = 'unemployment_percent' then value end) as unemployment_percent
from {{ ref("indicators") }}
where year <= cast(extract(year from {{ as_of() }}) as integer)
group by country_code, year
