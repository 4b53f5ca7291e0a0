"""The JSON schema of a pydantic model as Kubernetes wants it: structural, closed, without references, in sentences."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]
RULES: Final = "x-kubernetes-validations"
_KEPT: Final = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "required",
    RULES,
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
)

_FORMATS: Final = {"date-time"}
"""What Kubernetes checks; it warns of all others."""


def rule(said: str, message: str, **more: str) -> Schema:
    """One CEL rule; `message` is what the person reads whose object breaks it."""
    return {"rule": said, "message": message, **more}


def rules(*found: Schema) -> dict[str, Any]:
    """What a model's or a field's `json_schema_extra` takes."""
    return {RULES: list(found)}


def structural(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """The schema of a spec (with its defaults) or of a status (without: what is stored is what was written)."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _flat(whole, whole.get("$defs", {}), defaults=defaults)


def _flat(given: Mapping[str, Any], known: Mapping[str, Any], *, defaults: bool) -> Schema:
    given = _resolved(given, known)
    made: Schema = {key: given[key] for key in _KEPT if key in given}
    if made.get("format") not in _FORMATS:
        made.pop("format", None)
    if not defaults or isinstance(made.get("default"), (dict, list, type(None))):
        made.pop("default", None)
    if "description" in made:
        made["description"] = _sentences(made["description"])
    if "exclusiveMinimum" in given:
        made |= {"minimum": given["exclusiveMinimum"], "exclusiveMinimum": True}
    if "exclusiveMaximum" in given:
        made |= {"maximum": given["exclusiveMaximum"], "exclusiveMaximum": True}
    if "properties" in given:
        shown = given["properties"].items()
        made["properties"] = {name: _flat(one, known, defaults=defaults) for name, one in shown}
    if isinstance(given.get("items"), Mapping):
        made["items"] = _flat(given["items"], known, defaults=defaults)
    if isinstance(given.get("additionalProperties"), Mapping):
        made["additionalProperties"] = _flat(given["additionalProperties"], known, defaults=defaults)
        if "maxProperties" in given:
            made["maxProperties"] = given["maxProperties"]
    return made


def _resolved(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """References and optional values followed to what they mean; what stands beside a reference wins."""
    own = dict(given)
    while True:
        if "$ref" in own:
            target = known[own.pop("$ref").rpartition("/")[2]]
        elif "anyOf" in own:
            found = [one for one in own.pop("anyOf") if one.get("type") != "null"]
            assert len(found) == 1, f"{found} is no single type"
            target = found[0]
        elif "allOf" in own:
            (target,) = own.pop("allOf")
        else:
            break
        own = {**target, **own}
    if "const" in own:
        own["enum"] = [own["const"]]
    return own


def _sentences(text: str) -> str:
    """A docstring as one line."""
    return " ".join(inspect.cleandoc(text).split())
