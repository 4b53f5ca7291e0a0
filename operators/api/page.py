"""docs/reference/crds.md: every kind with its fields, its columns and the rules that the API server checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from operators.api.crds import API_VERSION, KINDS, Kind, definition
from operators.api.schema import RULES

_DEEPEST = 3


def page() -> str:
    """The whole Markdown page."""
    lines = [
        f"# Kinds of {API_VERSION}",
        "",
        "Written by the code from its models (`operators/api`). `kubectl explain` says the same, at any depth.",
        "What breaks a rule is refused by the API server itself; no webhook is needed.",
    ]
    for kind in KINDS:
        lines += ["", *_section(kind)]
    return "\n".join([*lines, ""])


def _section(kind: Kind) -> Iterator[str]:
    made = definition(kind)
    root = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    yield f"## {kind.name}"
    yield ""
    yield f"{kind.what} Short name `{kind.short}`."
    yield ""
    yield "| Field | Type | Default | What |"
    yield "|---|---|---|---|"
    yield from _rows(root["properties"]["spec"], "spec", 0)
    found = [*root.get(RULES, ()), *_rules(root["properties"]["spec"])]
    if found:
        yield ""
        yield f"Refused unless: {'; '.join(dict.fromkeys(one['message'] for one in found))}."
    shown = ", ".join(title.removeprefix("-") for title, _, _ in kind.columns)
    yield ""
    yield f"Columns: {shown}."


def _rows(schema: Mapping[str, Any], place: str, depth: int) -> Iterator[str]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        inner = one.get("items", one)
        here = f"{place}.{name}" + ("[]" if "items" in one else "")
        kind = "list of " * ("items" in one) + _type(inner)
        default = "required" if name in required else f"`{one['default']}`" if "default" in one else ""
        said = one.get("description", inner.get("description", "")).replace("|", "\\|")
        yield f"| `{here}` | {kind} | {default} | {said} |"
        if depth + 1 < _DEEPEST:
            yield from _rows(inner, here, depth + 1)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    return str(schema.get("format") if schema["type"] == "string" and "format" in schema else schema["type"])


def _rules(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from schema.get(RULES, ())
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    for one in inner:
        yield from _rules(one)
