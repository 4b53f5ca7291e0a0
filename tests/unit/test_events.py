"""The event contract: what fits, what does not and which field is blamed, and who has which id."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import get_args

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.schemas import FOLDER, schemas
from scoreops.core.errors import BadInput
from scoreops.kol.events import IDENTITY, MAX_EVENT_BYTES, TOPIC_OF, TYPES, AnyEvent, encode, event_id, parse
from scoreops.kol.world_malformed import MALFORMED
from tests.making import AT, KINDS, USER, event, fields

MODELS = dict(zip(TYPES, get_args(AnyEvent), strict=True))
REQUIRED = [(kind, name) for kind in KINDS for name in MODELS[kind].model_fields if name not in ("event_id", "type")]


def line(kind, **changes):
    return json.dumps(fields(kind, **changes)).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_the_wire(kind):
    made = event(kind)
    assert parse(encode(made)) == made == parse(line(kind))
    assert made.event_time == datetime(2026, 3, 1, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="frozen"):
        made.kol_id = "k2"


def test_every_kind_has_a_topic_and_an_identity():
    assert set(TYPES) == set(KINDS) == set(TOPIC_OF) == set(IDENTITY)


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_a_missing_field_is_named(kind, name):
    given_fields = fields(kind)
    del given_fields[name]
    with pytest.raises(BadInput) as caught:
        parse(json.dumps(given_fields))
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        pytest.param("profile", "followers", -1, id="negative"),
        pytest.param("profile", "followers", 1.5, id="fraction"),
        pytest.param("profile", "followers", "12", id="digits in quotes"),
        pytest.param("profile", "followers", 2**53, id="more than a double holds"),
        pytest.param("profile", "followers", None, id="null where a number must be"),
        pytest.param("profile", "followers", True, id="a truth as number"),
        pytest.param("post_metrics", "likes", None, id="likes are always shown"),
        pytest.param("post_metrics", "published_at", "yesterday", id="no time"),
        pytest.param("purchase", "amount_minor", 0, id="an order of nothing"),
        pytest.param("purchase", "currency", "EUR", id="unknown currency"),
        pytest.param("purchase", "user_id", "nguyen.van.a", id="user in the clear"),
        pytest.param("purchase", "user_id", USER.upper(), id="hash in capitals"),
        pytest.param("comment", "text", " \n ", id="blank text"),
        pytest.param("comment", "text", "a" * 2001, id="long text"),
        pytest.param("view", "platform", "myspace", id="unknown platform"),
        pytest.param("view", "kol_id", "a b", id="space in an id"),
        pytest.param("view", "kol_id", "k" * 65, id="long id"),
        pytest.param("view", "kol_id", "k1\n", id="line break in an id"),
        pytest.param("view", "event_time", "2026-03-01T10:00:00", id="time without zone"),
        pytest.param("view", "event_time", "2009-12-31T23:59:59Z", id="before all"),
        pytest.param("view", "event_time", "2100-01-01T00:00:00Z", id="after all"),
        pytest.param("view", "event_id", "x" * 32, id="no hash as event id"),
        pytest.param("view", "email", "someone@example.com", id="field too many"),
    ],
)
def test_a_value_that_does_not_fit_is_blamed_by_field_and_not_repeated(kind, field, value):
    with pytest.raises(BadInput) as caught:
        parse(line(kind, **{field: value}))
    assert caught.value.field == field
    if isinstance(value, str):
        assert value not in str(caught.value)


@pytest.mark.parametrize("kind", ["story_view", None, ["profile"], 7, "", {"a": 1}])
def test_an_unknown_type_is_blamed_with_the_choices(kind):
    for raw in (json.dumps(fields("view") | {"type": kind}), json.dumps({"kol_id": "k1"})):
        with pytest.raises(BadInput, match="must be one of post_metrics, profile, ") as caught:
            parse(raw)
        assert caught.value.field == "type"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        pytest.param("post_metrics", {"views": None, "shares": None}, id="hidden counters"),
        pytest.param("profile", {"followers": 0}, id="nobody follows"),
        pytest.param("profile", {"followers": 2**53 - 1}, id="the largest number"),
        pytest.param("view", {"event_time": "2010-01-01T07:00:00+07:00"}, id="the first moment, told in Vietnam"),
        pytest.param("comment", {"text": "❤️" * 1000}, id="two thousand characters"),
    ],
)
def test_what_lies_just_inside_is_taken(kind, changes):
    made = parse(line(kind, **changes))
    for name in set(changes) - {"event_time"}:
        assert getattr(made, name) == changes[name]


def test_a_line_of_the_largest_size_is_read_and_one_byte_more_is_not():
    text = line("comment").rstrip(b"}")
    padded = text + b" " * (MAX_EVENT_BYTES - len(text) - 1) + b"}"
    assert parse(padded) == event("comment")
    with pytest.raises(BadInput, match=str(MAX_EVENT_BYTES + 1)):
        parse(padded + b" ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoiling", MALFORMED)
def test_every_sort_of_spoilt_line_is_refused(kind, spoiling):
    rng = np.random.default_rng(5)
    with pytest.raises(BadInput):
        parse(MALFORMED[spoiling](json.loads(encode(event(kind))), rng))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(raw):
    with pytest.raises(BadInput):
        parse(raw)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("comment", "comment|tiktok|k1|m1", id="a comment has an id of its own"),
        pytest.param("profile", "profile|tiktok|k1|1772359200000000", id="a look at a profile is a moment"),
        pytest.param("purchase", "purchase|tiktok|k1|o1", id="an order is paid once"),
        pytest.param("click", f"click|tiktok|k1|c1|{USER}|s1|1772359200000000", id="a click"),
    ],
)
def test_event_id_is_the_hash_of_what_identifies(kind, said):
    want = sha256(said.replace("|", "\x1f").encode()).hexdigest()[:32]
    assert event_id(fields(kind)) == event(kind).event_id == want


@pytest.mark.parametrize(
    "spelling",
    ["2026-03-01T10:00:00+00:00", "2026-03-01T17:00:00.000000+07:00", "2026-03-01T04:30:00-05:30", 1772359200],
)
def test_one_moment_has_one_id_however_it_is_spelt(spelling):
    assert event("profile", event_time=spelling).event_id == event("profile").event_id


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_identifies_changes_the_id(kind):
    others = {"event_time": "2026-03-01T10:00:00.000001Z", "platform": "youtube", "user_id": "f" * 32}
    for name, value in fields(kind).items():
        if name in ("type", "published_at"):
            continue
        changed = others.get(name, "other" if isinstance(value, str) else 77)
        differs = event_id(fields(kind, **{name: changed})) != event_id(fields(kind))
        assert differs == (name in ("platform", "kol_id", *IDENTITY[kind])), name


def test_a_given_id_is_kept_and_null_is_derived():
    assert event("view", event_id="a" * 32).event_id == "a" * 32
    assert event("view", event_id=None) == event("view")


def test_the_schema_files_are_those_of_the_models():
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == schemas()


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_takes_and_refuses_what_the_model_does(kind):
    check = jsonschema.Draft202012Validator(json.loads((FOLDER / f"{kind}.json").read_text()))
    assert check.is_valid(fields(kind))
    assert check.is_valid(json.loads(encode(event(kind))))
    assert not check.is_valid(fields(kind, email="x@example.com"))
    assert not check.is_valid(fields(kind, kol_id="a b"))
    for name in fields(kind):
        assert not check.is_valid({key: value for key, value in fields(kind).items() if key != name}), name


def test_times_are_kept_in_utc():
    assert event("view", event_time="2026-03-01T17:00:00+07:00").model_dump(mode="json")["event_time"] == AT
