"""The contract as JSON Schema files, for producers that are not written in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, get_args

from scoreops.kol.events import AnyEvent
from scoreops.kol.labels import Label

FOLDER: Final = Path(__file__).with_name("schemas")


def schemas() -> dict[str, str]:
    """File name and text of each schema, from the models."""
    models = {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(AnyEvent)}
    made = {}
    for name, model in {**models, "label": Label}.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        if "event_id" in schema["properties"]:  # derived from the other fields where it is absent
            schema["required"] = [field for field in schema["required"] if field != "event_id"]
        made[f"{name}.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return made


def export(folder: Path = FOLDER) -> list[Path]:
    """Write the files. Returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schemas().items():
        (folder / name).write_text(text)
        written.append(folder / name)
    return written


if __name__ == "__main__":
    export()
