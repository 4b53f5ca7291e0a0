"""Messages as rows: what the two topics hold, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from monitoring.reading import ENTITY, REQUEST, Label, answers_of, labels_of
from scoreops.core.errors import BadInput
from tests.evidence import message


def read(**more):
    return list(answers_of(json.dumps(message(**more)).encode()))


def test_each_row_is_an_answer():
    first, second = read(
        request="r", outputs={"probability": [0.25, None]}, inputs={"x": [[1, None], [3, 4]]}, first=500
    )
    assert (first.model, first.version, first.request, first.row, first.probability) == ("m", "1", "r", 500, 0.25)
    assert (second.row, second.probability) == (501, None)
    assert np.isnan(first.features[1])
    assert list(second.features) == [3, 4]


@pytest.mark.parametrize(
    ("model", "outputs", "expected"),
    [
        pytest.param("m", {"probability": [0.5], "score": [0.1]}, [0.5], id="the usual name"),
        pytest.param("m", {"score": [[0.5]]}, [0.5], id="a column"),
        pytest.param("m", {"score": [1.5]}, [math.nan], id="no probability"),
        pytest.param("m", {"score": ["yes"]}, [math.nan], id="a text"),
        pytest.param("m", {"other": [0.5]}, [], id="a model that gives none"),
        pytest.param("trust", {"score": [25.0], "low": [1.0]}, [0.25], id="of a hundred, as the catalogue says"),
        pytest.param("success", {"score": [0.5]}, [], id="a score that is no probability"),
    ],
)
def test_probabilities(model, outputs, expected):
    found = [one.probability for one in read(model=model, outputs=outputs)]
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-11-25T12:00:00Z", 1795608000000000),
        (17, 17),
        ("2026-11-25T12:00:00", None),
        ("9999-12-31T23:59:59.999999Z", None),
        ("soon", None),
        (True, None),
        (-1, None),
        (2**70, None),
        pytest.param(1795608000000000000, None, id="nanoseconds"),
    ],
)
def test_what_a_request_says_of_itself(as_of, expected):
    parameters = {"entity_ids": "k1,,k3", "as_of": as_of}
    rows = read(outputs={"score": [0.1, 0.2, 0.3, 0.4]}, parameters=parameters)
    assert [row.entity for row in rows] == ["k1", None, "k3", None]
    assert {row.as_of_us for row in rows} == {expected}


@pytest.mark.parametrize("inputs", [{"x": "a" * 64}, {}, {"x": [["a"]]}, {"x": [[1], [2, 3]]}, {"x": [1.0]}])
def test_inputs_that_the_log_does_not_hold_as_rows_of_numbers(inputs):
    assert read(inputs=inputs)[0].features is None


WRONG = ({"outputs": 3}, {"outputs": []}, {"inputs": []}, {"time_us": 2**63}, {"time_us": -1}, {"first_row": 2**40})


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"model": 1}', *(json.dumps(message() | wrong).encode() for wrong in WRONG)]
)
def test_what_is_no_message_of_the_log_is_refused(raw):
    with pytest.raises(BadInput):
        list(answers_of(raw))


WHEN = "2026-11-25T12:00:00Z"
WHEN_US = 1795608000000000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"kol_id": "k1", "campaign_id": "c1", "label_time": WHEN, "fraud": True},
            Label("trust", ENTITY, "k1", "c1", 0.0, WHEN_US),
            id="a campaign",
        ),
        pytest.param(
            {"model": "m", "request_id": "r", "row": 3, "label": 1, "label_time": WHEN},
            Label("m", REQUEST, "r", "3", 1.0, WHEN_US),
            id="a row of a request",
        ),
        pytest.param(
            {"model": "m", "entity_id": "e", "label_id": "l", "label": 0, "label_time": WHEN},
            Label("m", ENTITY, "e", "l", 0.0, WHEN_US),
            id="an entity",
        ),
    ],
)
def test_labels(given, expected):
    assert labels_of(json.dumps(given).encode()) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"model": "m", "label": 1, "label_time": WHEN},
        {"model": "m", "request_id": "r", "entity_id": "e", "label": 1, "label_time": WHEN},
        {"model": "m", "request_id": "r", "label": 0.5, "label_time": WHEN},
        {"model": "m", "request_id": "r", "label": 1, "label_time": "2026-11-25T12:00:00"},
        {"kol_id": "k1", "campaign_id": "c1", "label_time": WHEN},
        {"model": "m", "request_id": "r", "label": 1, "label_time": "9999-12-31T23:59:59.999999Z"},
        {"model": "m", "request_id": "r", "label": 1, "label_time": "1812-01-01T00:00:00Z"},
    ],
)
def test_what_is_no_label_is_refused(given):
    with pytest.raises(BadInput):
        labels_of(json.dumps(given).encode())
