{# Whether a key belongs to the sample: by a digest, so that the same keys are chosen in every build and engine. #}
{% macro sampled(key) -%} {{ return(adapter.dispatch("sampled", "sme_pulse")(key)) }} {%- endmacro %}
{% macro duckdb__sampled(key) -%}
    (('0x' || substr(md5({{ key }}), 1, 7))::bigint % 10000 < {{ var("sample_percent") * 100 }})
{%- endmacro %}
{% macro trino__sampled(key) -%}
    (from_base(substr(lower(to_hex(md5(to_utf8({{ key }})))), 1, 7), 16) % 10000 < {{ var("sample_percent") * 100 }})
{%- endmacro %}
