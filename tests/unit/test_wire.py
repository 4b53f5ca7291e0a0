"""JSON of the v2 protocol: what fits becomes typed tensors, what does not is refused with its path."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictors.tensors import DTYPES, MAX_DIMENSIONS, InferRequest, InferResponse, Tensor
from predictors.wire import Decoded, decode_request, encode_response
from scoreops.core.errors import BadInput

PLAIN = Decoded(InferRequest([]))


def body(data=(1.0, 2.0), shape=(2,), datatype="FP64", **more):
    item = {"name": "features", "shape": list(shape), "datatype": datatype, "data": data}
    return json.dumps({"inputs": [item | more]}).encode()


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        pytest.param([1.0, None, 3.0, 4.0], (2, 2), id="flat"),
        pytest.param([[1.0, None], [3.0, 4.0]], (2, 2), id="nested"),
        pytest.param([1, None, 3, 4], (2, 2), id="whole numbers are numbers too"),
    ],
)
def test_null_is_missing_and_never_zero(data, shape):
    (tensor,) = decode_request(body(data, shape)).request.inputs
    assert tensor.data.dtype == np.float64
    np.testing.assert_array_equal(tensor.data, [[1.0, np.nan], [3.0, 4.0]])


def test_everything_of_a_request_arrives():
    raw = json.loads(body(["[]"], (1,), "BYTES", parameters={"columns": ["a", "b"], "n": 3, "yes": True}))
    raw |= {"id": "7", "parameters": {"as_of": "now"}, "outputs": [{"name": "score"}, {"name": "low"}]}
    made = decode_request(json.dumps(raw).encode()).request
    assert (made.id, list(made.outputs), dict(made.parameters)) == ("7", ["score", "low"], {"as_of": "now"})
    assert made.inputs[0].parameters == {"columns": ["a", "b"], "n": 3, "yes": True}
    assert made.inputs[0].data.tolist() == ["[]"]
    plain = decode_request(body()).request
    assert (plain.id, list(plain.outputs), dict(plain.parameters)) == (None, [], {})


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_of_the_protocol(datatype):
    data = {"BYTES": ["á", ""], "BOOL": [True, False]}.get(datatype, [0, 1])
    (tensor,) = decode_request(body(data, (2,), datatype)).request.inputs
    assert tensor.data.dtype == DTYPES[datatype]
    assert tensor.data.tolist() == data


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        pytest.param(b"", "", "truncated", id="nothing"),
        pytest.param(b"{", "", "truncated", id="cut off"),
        pytest.param(b"[]", "", "object", id="a list"),
        pytest.param(b"{}", "", "inputs", id="no inputs"),
        pytest.param(b'{"inputs": [{"name": "\xff"}]}', "", "UTF-8", id="no text"),
        pytest.param(body(datatype="FP65"), "inputs[0].datatype", "'FP65' is not one of BOOL, ", id="datatype"),
        pytest.param(body(3.0), "inputs[0].data", "must be an array", id="no array"),
        pytest.param(body(None), "inputs[0].data", "must be an array", id="no data"),
        pytest.param(body(["1.0", 2.0]), "inputs[0].data[0]", "", id="a number in quotes"),
        pytest.param(body([1.0, True]), "inputs[0].data[1]", "", id="a truth as number"),
        pytest.param(body([[1.0], 2.0]), "inputs[0].data[1]", "", id="mixed depths"),
        pytest.param(body([1, None], datatype="INT64"), "inputs[0].data[1]", "", id="no integer"),
        pytest.param(body([1.5, 2], datatype="INT64"), "inputs[0].data[0]", "", id="half an integer"),
        pytest.param(body([300, 1], datatype="UINT8"), "inputs[0].data", "out of the range of uint8", id="too large"),
        pytest.param(body([-1, 1], datatype="UINT8"), "inputs[0].data", "out of the range of uint8", id="negative"),
        pytest.param(body([1, 0], datatype="BOOL"), "inputs[0].data[0]", "", id="a number as truth"),
        pytest.param(body([[1.0, 2.0], [3.0]], (2, 2)), "inputs[0].data", "different lengths", id="ragged"),
        pytest.param(
            body([["a", "b"], ["c"]], (2,), "BYTES"), "inputs[0].data", "different lengths", id="ragged texts"
        ),
        pytest.param(body(shape=(3,)), "inputs[0]", "data has 2 values, `shape` says [3]", id="too few values"),
        pytest.param(body(shape=(-1,)), "inputs[0]", "says [-1]", id="negative shape"),
        pytest.param(body(shape=(-1, -2)), "inputs[0]", "says [-1, -2]", id="negative shape of the right size"),
        pytest.param(body([[1.0, 2.0]], (2, 1)), "inputs[0]", "shape [1, 2], `shape` says [2, 1]", id="transposed"),
        pytest.param(body(shape=("a",)), "inputs[0].shape[0]", "", id="shape of text"),
        pytest.param(body(parameters={"x": 2**63}), "inputs[0].parameters[...]", "<= 9", id="a parameter too large"),
        pytest.param(body(parameters={"x": {"y": 1}}), "inputs[0].parameters[...]", "", id="nested parameter"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(raw, path, said):
    with pytest.raises(BadInput) as caught:
        decode_request(raw)
    assert caught.value.field == path
    assert said in caught.value.reason


@pytest.mark.parametrize("depth", [MAX_DIMENSIONS + 1, 5_000])
def test_depth_is_bounded(depth):
    raw = body([]).replace(b'"data": []', b'"data": ' + b"[" * depth + b"]" * depth)
    with pytest.raises(BadInput, match="nested too deep"):
        decode_request(raw)
    with pytest.raises(BadInput):
        decode_request(b"[" * depth * 20)


def test_dimensions_are_counted_before_anything_is_reckoned_with_them():
    """The product of a hundred thousand large numbers takes half a minute in which nobody else is answered."""
    raw = body([1.0] * 40_000, (1, *[2**63 - 1] * 2_000))
    with pytest.raises(BadInput) as caught:
        decode_request(raw)
    assert caught.value.reason == f"has 2001 dimensions, at most {MAX_DIMENSIONS} are taken"


@given(st.binary(max_size=120))
def test_no_bytes_raise_anything_else(raw):
    with pytest.raises(BadInput):
        decode_request(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.lists(st.integers(-3, 4), max_size=3), st.sampled_from(sorted(DTYPES)))
def test_any_json_as_data_becomes_a_tensor_of_the_stated_shape_or_is_refused(data, shape, datatype):
    try:
        (tensor,) = decode_request(body(data, shape, datatype)).request.inputs
    except BadInput as error:
        blamed = error.field
    else:
        blamed = ""
        assert list(tensor.data.shape) == shape
        assert tensor.data.dtype == DTYPES[datatype]
        assert datatype != "BYTES" or all(isinstance(text, str) for text in tensor.data.ravel())
    assert blamed == "" or blamed.startswith("inputs[0]")


def test_an_answer_says_null_where_nothing_is_known():
    outputs = [
        Tensor("score", "FP64", np.array([1.5, np.nan])),
        Tensor("known", "BOOL", np.array([True, False])),
        Tensor("reasons", "BYTES", np.array(["á", ""], dtype=object)),
        Tensor("forecast", "FP64", np.arange(4.0).reshape(2, 2)),
    ]
    made = json.loads(encode_response(InferResponse("trust", "3", outputs, "7", {"alias": "champion"}), PLAIN)[0])
    assert made == {
        "model_name": "trust",
        "model_version": "3",
        "id": "7",
        "parameters": {"alias": "champion"},
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [1.5, None]},
            {"name": "known", "datatype": "BOOL", "shape": [2], "data": [True, False]},
            {"name": "reasons", "datatype": "BYTES", "shape": [2], "data": ["á", ""]},
            {"name": "forecast", "datatype": "FP64", "shape": [2, 2], "data": [0, 1, 2, 3]},
        ],
    }
    assert "id" not in json.loads(encode_response(InferResponse("trust", "3", [], None, {}), PLAIN)[0])
