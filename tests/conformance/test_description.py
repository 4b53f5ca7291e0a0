"""The protocol's own OpenAPI description, as MLServer ships it: Schemathesis asks what it allows and judges answers.

Requests are drawn from the description, so most of them are refused; others are drawn from what the model takes, so
they are answered. No status may be 5xx, each status must be described, and each body must have the described form.
"""

from __future__ import annotations

import json
from collections import Counter

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from bench.rivals.servers import ROOT
from tests.tiny import JOINED

DESCRIPTION = (ROOT / ".venv-mlserver/lib/python3.11/site-packages/mlserver/rest/openapi/dataplane.json").read_text()
ABSENT = ("infer_stream", "generate", "generate_stream")
"""Extensions for streams of text: no score is one, so these paths are 404 here."""
NAMES = {"model_name": ["tiny", "echo", "other", "việt"], "model_version": ["1", "2", "champion", "9"]}
EXAMPLES = 40
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False) | st.none()
PATHS = ["/v2/models/{model_name}/infer", "/v2/models/{model_name}/versions/{model_version}/infer"]


def described():
    """The description, with what must be said of us: each change has its reason beside it."""
    made = json.loads(DESCRIPTION)
    made["paths"] = {path: item for path, item in made["paths"].items() if not path.endswith(ABSENT)}
    error = made["paths"][PATHS[0]]["post"]["responses"]["404"]
    for path, item in made["paths"].items():
        for parameter in item.get("parameters", []):
            parameter["schema"] = {"type": "string", "enum": NAMES[parameter["name"]]}
        if path.endswith("/ready") and "{" in path:
            item["get"]["responses"]["404"] = error  # it knows 200 only; there is no saying of an unknown model
    schemas = made["components"]["schemas"]
    schemas["TensorData"] = {"type": "array"}  # it also names a type `bytes`, which JSON Schema does not have
    schemas["InferenceErrorResponse"]["required"] = ["error"]  # it would take an empty object for an error
    return made


schema = schemathesis.openapi.from_dict(described())
OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations()}
MEANT = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.negative_data_rejection,
]


def ask_all(strategy, url):
    """Statuses of the answers to what `strategy` draws, once each was found to be as described."""
    statuses = Counter()

    @hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategy)
    def ask(case):
        statuses[case.call_and_validate(base_url=url, checks=MEANT).status_code] += 1

    ask()
    return statuses


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_the_description_allows_is_answered_as_described(operation, echo):
    statuses = ask_all(operation.as_strategy(), echo.url)
    assert set(statuses) <= ({200, 400, 404} if operation.method == "post" else {200, 404})


@pytest.mark.parametrize("path", PATHS)
def test_what_the_description_does_not_allow_is_refused_as_described(path, echo):
    statuses = ask_all(schema[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE), echo.url)
    assert set(statuses) <= {400, 404}
    assert statuses[400]


@st.composite
def bodies(draw):
    """A request that the model takes: rows flat or nested, with or without notes, id, parameters, outputs."""
    rows = draw(st.integers(1, 5))
    values = draw(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=rows, max_size=rows))
    data = draw(st.sampled_from([values, [one for row in values for one in row]]))
    features = {"name": "features", "datatype": "FP64", "shape": [rows, 3], "data": data}
    inputs = [features | {"parameters": {"columns": JOINED}}]
    if draw(st.booleans()):
        texts = draw(st.lists(st.text(max_size=10), min_size=rows, max_size=rows))
        inputs.append({"name": "notes", "datatype": "BYTES", "shape": [rows], "data": texts})
    body = {"inputs": inputs}
    if draw(st.booleans()):
        body["id"] = draw(st.text(max_size=10))
    if draw(st.booleans()):
        wanted = draw(st.permutations(["score", "known", "reasons"]))
        body["outputs"] = [{"name": name} for name in wanted[: draw(st.integers(1, 3))]]
    return body


@pytest.mark.parametrize("path", PATHS)
def test_what_a_model_takes_is_answered_as_described(echo, path):
    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(bodies())
    def ask(body):
        given = {name: value for name, value in (("model_name", "tiny"), ("model_version", "1")) if name in path}
        case = schema[path]["POST"].Case(path_parameters=given, body=body, media_type="application/json")
        answer = case.call_and_validate(base_url=echo.url, checks=MEANT)
        assert answer.status_code == 200
        found = answer.json()
        assert found["model_version"] == ("1" if "model_version" in path else "2")
        assert found["id"] == body["id"] if body.get("id") else found["id"]
        asked = [one["name"] for one in body.get("outputs", [])] or ["score", "known", "reasons"]
        assert [one["name"] for one in found["outputs"]] == asked
        rows = body["inputs"][0]["shape"][0]
        assert all(one["shape"] == [rows] and len(one["data"]) == rows for one in found["outputs"])

    ask()


def test_the_checks_do_see_what_is_not_as_described(echo):
    other = described()
    other["components"]["schemas"]["MetadataServerResponse"]["properties"]["name"] = {"type": "integer"}
    changed = schemathesis.openapi.from_dict(other)
    with pytest.raises(FailureGroup, match="is not of type"):
        changed["/v2"]["GET"].Case().call_and_validate(base_url=echo.url, checks=MEANT)
