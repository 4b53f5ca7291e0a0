"""The bytes of the online store, held to what Feast 0.67 writes (recorded, so that no Feast is needed)."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scoreops.adapters.feast_encoding import decode, decode_time, encode, encode_time, entity_key, feature_field
from scoreops.adapters.online_store import Features, FeatureWriter
from scoreops.core.errors import BadInput

FEAST_KEY = bytes.fromhex("0100000002000000060000006b6f6c5f696402000000040000006bc3a9316b6f6c73")


def test_entity_key_is_feasts():
    assert entity_key("kol_id", "ké1", "kols") == FEAST_KEY


def test_field_name_is_the_little_endian_murmur3_of_view_and_feature():
    assert feature_field("kol_trust", "ratio") == bytes.fromhex("274d577a")


@given(st.integers(0, 2**53))
def test_time_survives(us):
    assert decode_time(encode_time(us)) == us


@given(arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(1, 3))))
def test_values_survive_and_nan_is_the_empty_value(values):
    encoded = encode(list(values.T), len(values))
    assert [[cell == b"" for cell in row] for row in encoded] == np.isnan(values).tolist()
    np.testing.assert_array_equal(decode([cell for row in encoded for cell in row]).reshape(values.shape), values)


@pytest.mark.parametrize(
    ("proto", "number"),
    [
        pytest.param(b"\x20\x05", 5.0, id="int64"),
        pytest.param(b"\x20" + b"\xff" * 9 + b"\x01", -1.0, id="negative int64"),
        pytest.param(b"\x18\x00", 0.0, id="int32 zero"),
        pytest.param(b"\x35\x00\x00\x80\x3f", 1.0, id="float"),
        pytest.param(b"\x38\x01", 1.0, id="bool"),
        pytest.param(b"", np.nan, id="missing"),
        pytest.param(None, np.nan, id="absent"),
    ],
)
def test_other_numeric_kinds_are_read_too(proto, number):
    np.testing.assert_array_equal(decode([proto, b"\x29" + bytes(8)]), [number, 0.0])


def test_a_text_value_is_refused():
    with pytest.raises(BadInput, match="no number"):
        decode([b"\x12\x02ab"])


def table(**columns):
    return pa.table(
        {"kol_id": ["a"], "event_timestamp": pa.array([1], pa.timestamp("us", "UTC"))}
        | {name: pa.array([value]) for name, value in columns.items()}
    )


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        pytest.param(table(f="text"), "f", id="text feature"),
        pytest.param(table().drop(["event_timestamp"]), "event_timestamp", id="no event time"),
        pytest.param(table().slice(0, 0).drop(["kol_id"]), "kol_id", id="no entity"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(rows, field):
    with pytest.raises(BadInput, match=field):
        FeatureWriter("kol_id").rows("v", rows)


def test_standing_takes_away_rows_that_are_too_old_or_from_the_future():
    times = {"a": np.array([100, 90, 111, 0]), "b": np.array([100, 100, 100, 100])}
    seen = Features(("a:x", "b:y"), np.ones((4, 2)), times).standing(as_of_us=110, ttl_us=15)
    np.testing.assert_array_equal(seen.values, [[1, 1], [np.nan, 1], [np.nan, 1], [np.nan, 1]])
    assert seen.present.tolist() == [True, False, False, False]
    assert seen.event_time.tolist() == [100, 0, 0, 0]
