"""CRDs, their page and what installs the operator are those of the code (REGEN=1 rewrites them)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from operators.api.crds import definitions
from operators.api.page import page
from operators.build.install import files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "operators" / "api" / "crds"
INSTALL = ROOT / "operators" / "deploy"
PAGE = ROOT / "docs" / "reference" / "crds.md"
DEFINITIONS = definitions()
SCHEMAS = {
    (name, part): version["schema"]["openAPIV3Schema"]["properties"][part]
    for name, made in DEFINITIONS.items()
    for version in made["spec"]["versions"]
    for part in ("spec", "status")
    if part in version["schema"]["openAPIV3Schema"]["properties"]
}


class Plain(yaml.SafeDumper):
    """Without anchors: the same part twice is written twice. To Kubernetes a bare `n` or `y` is no word but a truth."""

    def ignore_aliases(self, data):
        return True

    def represent_str(self, data):
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"' if data in {"n", "y"} else None)


Plain.add_representer(str, Plain.represent_str)


def regenerated(target, text):
    if os.environ.get("REGEN"):
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    return target.read_text()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_is_that_of_its_model(name):
    text = yaml.dump(DEFINITIONS[name], Dumper=Plain, sort_keys=False, width=120)
    assert regenerated(FOLDER / name, text) == text


def test_no_definition_is_left_over():
    assert {file.name for file in FOLDER.iterdir()} == set(DEFINITIONS)


@pytest.mark.parametrize("name", files())
def test_what_installs_the_operator_is_that_of_the_code(name):
    text = yaml.dump_all(files()[name], Dumper=Plain, sort_keys=False, width=120)
    assert regenerated(INSTALL / name, text) == text


def test_the_page_is_that_of_the_definitions():
    assert regenerated(PAGE, page()) == page()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_column_and_selectable_field_exists(name):
    version = DEFINITIONS[name]["spec"]["versions"][0]
    paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    paths += [field["jsonPath"] for field in version.get("selectableFields", ())]
    for path in paths:
        if path.startswith(".metadata"):
            continue
        schema = version["schema"]["openAPIV3Schema"]
        for part in re.sub(r"\[\?.*?\]", "[]", path).strip(".").split("."):
            schema = schema["properties"][part.removesuffix("[]")]
            schema = schema["items"] if part.endswith("[]") else schema
        assert schema["type"] in {"string", "integer", "number", "boolean"}, path


@pytest.mark.parametrize("part", SCHEMAS, ids=" ".join)
def test_every_part_is_closed_and_bounded_where_rules_look(part):
    """Kubernetes refuses references and types that are open; rules over lists without an end cost too much."""

    def walk(schema, place):
        assert "$ref" not in schema, place
        assert "type" in schema, place
        if schema["type"] == "array":
            assert part[1] == "status" or "maxItems" in schema, place
            walk(schema["items"], f"{place}[]")
        for name, one in schema.get("properties", {}).items():
            walk(one, f"{place}.{name}")

    walk(SCHEMAS[part], part[1])


@pytest.mark.parametrize("part", [part for part in SCHEMAS if part[1] == "spec"], ids=lambda part: part[0])
def test_kubectl_explain_has_a_sentence_for_every_field_of_a_spec(part):
    silent = [name for name, schema in SCHEMAS[part]["properties"].items() if not schema.get("description")]
    assert not silent
