select generation, code, name, current_code
from {{ source("external", "provinces") }}
