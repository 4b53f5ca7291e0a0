"""Plain models: a bundle that describes itself is served as it says, or refused with what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from predictors import plain
from predictors.loading import load_bundle
from predictors.packing import pack_model
from predictors.tensors import DTYPES, Tensor
from scoreops.catalog import SCORES
from scoreops.core.bundle import MANIFEST, Manifest, pack
from scoreops.core.errors import BadInput, Refused
from scoreops.core.spec import Schema
from tests.bundles import answer
from tests.graphs import DOUBLE, identity, matrix_product, model, two_inputs, value

KINDS = {
    "BOOL": (TensorProto.BOOL, [[True, False, True]]),
    "UINT8": (TensorProto.UINT8, [[0, 1, 255]]),
    "UINT16": (TensorProto.UINT16, [[0, 1, 65_535]]),
    "UINT32": (TensorProto.UINT32, [[0, 1, 2**32 - 1]]),
    "UINT64": (TensorProto.UINT64, [[0, 1, 2**64 - 1]]),
    "INT8": (TensorProto.INT8, [[-128, 1, 127]]),
    "INT16": (TensorProto.INT16, [[-1, 1, 2]]),
    "INT32": (TensorProto.INT32, [[-1, 1, 2]]),
    "INT64": (TensorProto.INT64, [[-(2**63), 1, 2**63 - 1]]),
    "FP16": (TensorProto.FLOAT16, [[0.5, None, -2.0]]),
    "FP32": (TensorProto.FLOAT, [[0.5, None, -2.0]]),
    "FP64": (DOUBLE, [[0.1, None, -2.0]]),
    "BYTES": (TensorProto.STRING, [["a", "đẹp", ""]]),
}


@pytest.fixture
def packed(tmp_path):
    """A bundle of `data` called m, made with example rows."""

    def make(data, rows, columns=()):
        file = tmp_path / "any.onnx"
        file.write_bytes(data)
        return pack_model(file, "m", rows, columns)

    return make


def load(files):
    return load_bundle("m", None, "1", files)


def changed(files, **changes):
    """The bundle with another manifest, as one who makes bundles by hand could write it."""
    manifest = Manifest.model_validate(json.loads(files[MANIFEST]) | changes)
    return pack(manifest, {name: files[name] for name in manifest.files})


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_of_the_protocol_goes_in_and_comes_out(datatype, packed):
    kind, rows = KINDS[datatype]
    served = load(packed(identity(kind), rows))
    given = np.array(rows, dtype=DTYPES[datatype])
    (made,) = answer(served, Tensor("x", datatype, given))
    assert made.datatype == datatype
    np.testing.assert_array_equal(made.data, given)


def test_without_columns_the_tensors_are_the_contract(packed):
    served = load(packed(matrix_product([1.0, 2.0, 3.0]), [[1, 1, 1]]))
    assert served.checked == ""
    (made,) = answer(served, Tensor("x", "FP64", np.array([[1.0, 2, 3], [0, 0, 1]])))
    assert made.data.tolist() == [14.0, 3.0]
    with pytest.raises(BadInput, match="datatype is FP32, expected FP64"):
        answer(served, Tensor("x", "FP32", np.ones((1, 3), dtype=np.float32)))


def test_with_columns_the_first_input_is_checked_as_features_are(packed):
    served = load(packed(matrix_product([1.0, 2.0, 3.0]), [[1, 1, 1]], ("a", "b", "c")))
    rows = np.array([[1.0, 2, 3]])
    for said in ({"columns": "a,b,c"}, {"schema_hash": Schema(("a", "b", "c")).hash}):
        (made,) = answer(served, Tensor("x", "FP64", rows, said))
        assert made.data.tolist() == [14.0]
    for said, why in (
        ({}, "say which columns"),
        ({"columns": "b,a,c"}, "out of order"),
        ({"schema_hash": "0"}, "needs"),
    ):
        with pytest.raises(BadInput, match=rf"^x: .*{why}"):
            answer(served, Tensor("x", "FP64", rows, said))


def test_several_inputs_are_named(packed):
    served = load(packed(two_inputs(), {"x": [[1, 2]], "more": [[10, 20]]}))
    tensors = [Tensor("more", "FP64", np.array([[1.0, 1.0]])), Tensor("x", "FP64", np.array([[1.0, 2.0]]))]
    (made,) = answer(served, *tensors)
    assert made.data.tolist() == [[2.0, 3.0]]
    with pytest.raises(BadInput, match="more: this input is missing"):
        answer(served, *tensors[1:])


def test_what_the_graph_cannot_compute_is_the_question_s_fault(packed):
    served = load(packed(two_inputs(), {"x": [[1, 2]], "more": [[10, 20]]}))
    wide = [Tensor("x", "FP64", np.ones((1, 2))), Tensor("more", "FP64", np.ones((1, 3)))]
    with pytest.raises(BadInput, match="the model cannot compute this"):
        answer(served, *wide)


def test_a_shape_that_the_graph_leaves_open_is_that_of_the_golden_answer(packed):
    unknown = model(
        [helper.make_node("Identity", ["x"], ["y"])], [value("x", DOUBLE, ["rows", 2])], [value("y", DOUBLE, None)]
    )
    served = load(packed(unknown, [[1, 2]]))
    assert served.outputs[0].shape == (-1, 2)


def spec(name="x", datatype="FP64", shape=(-1, 3)):
    return {"name": name, "datatype": datatype, "shape": shape}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"inputs": [spec(datatype="FP32")]}, r"inputs are x FP32 \[-1, 3\], those of", id="a datatype"),
        pytest.param({"inputs": [spec(shape=(-1, 4))]}, r"x FP64 \[-1, 4\], those of model.onnx are x", id="a shape"),
        pytest.param({"inputs": [spec(shape=(-1, 3, 1))]}, "the manifest's inputs are", id="a dimension more"),
        pytest.param({"inputs": [spec("z")]}, "inputs are z FP64", id="a name"),
        pytest.param({"inputs": [spec(), spec("z")]}, "inputs are x FP64 .*, z", id="an input more"),
        pytest.param({"inputs": []}, "needs inputs and outputs", id="no inputs"),
        pytest.param({"outputs": [spec("y"), spec("z")]}, "the manifest's outputs are", id="an output more"),
        pytest.param({"inputs": [spec() | {"optional": True}]}, "may not be optional", id="optional"),
        pytest.param({"score": "n"}, "is a bundle of 'n'", id="another model"),
        pytest.param({"flavour": "score"}, "the catalog has only trust, success, fusion", id="no score"),
        pytest.param(
            {"columns": ["a"], "schema_hash": Schema(("a",)).hash}, "1 columns do not fit input x", id="columns"
        ),
        pytest.param({"golden": {"inputs": {}, "outputs": {}}}, "carries no golden request", id="no golden request"),
        pytest.param(
            {"golden": {"inputs": {"x": [[1, 2, 3]]}, "outputs": {"y": [["a"]]}}}, "are no FP64", id="golden text"
        ),
    ],
)
def test_a_manifest_that_is_not_of_its_graph_is_refused(changes, said, packed):
    files = packed(identity(), [[1, 2, 3]])
    with pytest.raises(Refused, match=said) as caught:
        load(changed(files, **changes))
    assert "m version 1" in str(caught.value)


def scalar_input():
    return model([helper.make_node("Identity", ["x"], ["y"])], [value("x", DOUBLE, [])], [value("y", DOUBLE, [])])


def one_answer_for_all():
    node = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=1)
    return model([node], [value("x", DOUBLE, ["rows", 2])], [value("y", DOUBLE, [1, 1])])


def a_map():
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    return model([node], [value("x", TensorProto.FLOAT, ["rows", 2])], [helper.make_value_info("y", kind)])


@pytest.mark.parametrize(
    ("data", "rows", "said"),
    [
        pytest.param(b"junk", [[1]], "model.onnx cannot be read as an ONNX model", id="no model"),
        pytest.param(identity()[:-9], [[1, 2, 3]], "model.onnx cannot be read as an ONNX model", id="cut off"),
        pytest.param(scalar_input(), [1], "needs rows as its first dimension", id="no rows"),
        pytest.param(
            one_answer_for_all(), [[1, 2], [3, 4]], "output y has 1 rows, the input 2", id="one answer for all"
        ),
        pytest.param(identity(TensorProto.BFLOAT16), [[1, 2, 3]], "bfloat16.*no tensor of the protocol", id="bfloat16"),
        pytest.param(a_map(), [[1, 2]], "convert it with zipmap=False", id="a map"),
    ],
)
def test_a_graph_that_cannot_be_served_is_refused(data, rows, said, packed):
    with pytest.raises((Refused, BadInput), match=said):
        packed(data, rows)


def test_a_score_of_the_catalog_is_never_served_by_a_plain_bundle(packed):
    files = changed(packed(identity(), [[1, 2, 3]]), score="trust")
    with pytest.raises(Refused, match="of flavour 'onnx', but trust is a score of the catalog"):
        load_bundle("trust", SCORES["trust"], "1", files)


@pytest.mark.parametrize("name", ["../trust", "a/b", "", ".", "a b", "x" * 64, "-a", "ă"])
def test_a_name_that_cannot_stand_in_a_path_is_refused(name):
    with pytest.raises(BadInput, match="no name for a model"):
        plain.scores([name])


def test_a_server_is_for_what_it_is_told_or_for_the_catalog():
    assert plain.scores([]) == dict(SCORES)
    assert plain.scores(["iris", "trust"]) == {"iris": None, "trust": SCORES["trust"]}
