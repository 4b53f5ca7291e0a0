{#
  Of each key the newest version that was known at the end of `as_of`.

  Where a table is built incrementally, only keys with lines that it does not hold are computed again, and what a
  build of a later day had added is taken away first (`forget_later`). The order is one value, so that DuckDB finds the
  winners by their keys alone and reads the other columns of these only.
#}
{% macro newest(table, key, columns) %}
with known as (
    select * from {{ source("bronze", table) }}
    where {{ utc("ingested_at") }} < {{ as_of_end() }}
),
{% if is_incremental() %}
touched as (
    select distinct org_id, {{ key }} from known
    where line_id not in (select line_id from {{ this }})
),
versions as (
    select known.* from known
    inner join touched on known.org_id = touched.org_id and known.{{ key }} = touched.{{ key }}
),
{% else %}
versions as (select * from known),
{% endif %}
ranked as (
    select *, row_number() over (partition by org_id, {{ key }} order by row(ingested_at, line_id) desc) as place
    from versions
)
select
    org_id,
    {{ key }},
    {% for column in columns %}{{ column }},
    {% endfor %}{{ utc("ingested_at") }} as ingested_at,
    line_id
from ranked
where place = 1
{% endmacro %}

{% macro growing(key) %}
    {% if target.type == "duckdb" %}
        {{ config(
            materialized="incremental",
            incremental_strategy="delete+insert",
            unique_key=["org_id", key],
            pre_hook="{% if is_incremental() %}delete from {{ this }} where ingested_at >= {{ as_of_end() }}{% endif %}"
        ) }}
    {% endif %}
{% endmacro %}
