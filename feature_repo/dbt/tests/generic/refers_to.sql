{# Every row whose keys are not null has its row in another table. #}
{% test refers_to(model, columns, to, keys=none) %}
    select child.*
    from {{ model }} as child
    left join {{ to }} as parent
        on {% for column in columns %}{{ "and " if not loop.first }}child.{{ column }} = parent.{{ (keys or columns)[loop.index0] }}
        {% endfor %}
    where parent.{{ (keys or columns)[-1] }} is null
        {% for column in columns %}and child.{{ column }} is not null
        {% endfor %}
{% endtest %}
