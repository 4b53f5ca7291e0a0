{# The day that a build is for; everything is told as it was known at its end. #}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as date)
{%- endmacro %}

{# The first moment that a build does not know. #}
{% macro as_of_end() -%}
    {%- set day = modules.datetime.datetime.strptime(var("as_of"), "%Y-%m-%d") + modules.datetime.timedelta(days=1) -%}
    cast('{{ day.strftime("%Y-%m-%d") }} 00:00:00' as timestamp)
{%- endmacro %}

{# A time with zone as plain UTC. #}
{% macro utc(column) -%} {{ return(adapter.dispatch("utc", "sme_pulse")(column)) }} {%- endmacro %}
{% macro duckdb__utc(column) -%} ({{ column }} at time zone 'UTC') {%- endmacro %}
{% macro trino__utc(column) -%} cast({{ column }} at time zone 'UTC' as timestamp(6)) {%- endmacro %}

{% macro add_days(day, days) -%} {{ return(adapter.dispatch("add_days", "sme_pulse")(day, days)) }} {%- endmacro %}
{% macro duckdb__add_days(day, days) -%} ({{ day }} + cast({{ days }} as integer)) {%- endmacro %}
{% macro trino__add_days(day, days) -%} date_add('day', {{ days }}, {{ day }}) {%- endmacro %}

{# A table with one column `day`: every day from the first to the last, both included. #}
{% macro days(first, last) -%} {{ return(adapter.dispatch("days", "sme_pulse")(first, last)) }} {%- endmacro %}
{% macro duckdb__days(first, last) -%}
    (select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as day)
{%- endmacro %}
{% macro trino__days(first, last) -%}
    (
        select spine.day
        from (select {{ first }} as first_day, {{ last }} as last_day) as bounds
        cross join unnest(sequence(bounds.first_day, bounds.last_day, interval '1' day)) as spine (day)
    )
{%- endmacro %}

{% macro iso_weekday(day) -%} {{ return(adapter.dispatch("iso_weekday", "sme_pulse")(day)) }} {%- endmacro %}
{% macro duckdb__iso_weekday(day) -%} cast(isodow({{ day }}) as integer) {%- endmacro %}
{% macro trino__iso_weekday(day) -%} cast(day_of_week({{ day }}) as integer) {%- endmacro %}

{# The day after the last of the month that begins on `month_start`. #}
{% macro month_end(month_start) -%} {{ return(adapter.dispatch("month_end", "sme_pulse")(month_start)) }} {%- endmacro %}
{% macro duckdb__month_end(month_start) -%} cast({{ month_start }} + interval 1 month as date) {%- endmacro %}
{% macro trino__month_end(month_start) -%} date_add('month', 1, {{ month_start }}) {%- endmacro %}
