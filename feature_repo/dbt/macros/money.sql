{# A sum of minor units as a whole number; sums widen their type in some engines. #}
{% macro whole(expression) -%} cast({{ expression }} as bigint) {%- endmacro %}
{% macro share(part, all) -%}
    case when {{ all }} > 0 then cast({{ part }} as double) / cast({{ all }} as double) end
{%- endmacro %}

{# 1 where the invoice itself is among those that `habits` counts. #}
{% macro itself(condition) -%}
    case
        when
            invoices.outcome_known
            and invoices.issued_on > {{ add_days(as_of(), -var("history_days")) }}
            and {{ "invoices.is_late" if condition == "is_late" else "true" }}
            then 1
        else 0
    end
{%- endmacro %}
