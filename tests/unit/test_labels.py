"""Labels: what fits and which field is blamed."""

import json
from datetime import UTC, datetime

import pytest

from scoreops.core.errors import BadInput
from scoreops.kol.labels import parse_label

GOOD = {"kol_id": "k1", "campaign_id": "c1", "label_time": "2026-03-01T17:00:00+07:00", "fraud": True}


def test_a_label_is_read_with_its_time_in_utc():
    made = parse_label(json.dumps(GOOD))
    assert (made.kol_id, made.fraud) == ("k1", True)
    assert made.label_time == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_named(name):
    with pytest.raises(BadInput) as caught:
        parse_label(json.dumps({key: value for key, value in GOOD.items() if key != name}))
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"fraud": None}, "fraud", id="unknown is no label"),
        pytest.param({"fraud": 0.5}, "fraud", id="half a fraud"),
        pytest.param({"label_time": "2026-03-01"}, "label_time", id="a day without a time"),
        pytest.param({"label_time": "2026-03-01T10:00:00"}, "label_time", id="no zone"),
        pytest.param({"kol_id": ""}, "kol_id", id="empty id"),
        pytest.param({"score": 3}, "score", id="field too many"),
    ],
)
def test_what_does_not_fit_is_blamed_by_field(changes, field):
    with pytest.raises(BadInput) as caught:
        parse_label(json.dumps(GOOD | changes))
    assert caught.value.field == field


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"null"])
def test_no_label_at_all(raw):
    with pytest.raises(BadInput):
        parse_label(raw)
