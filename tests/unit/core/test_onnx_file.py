"""A model that reads other files is refused before an engine sees it."""

import pytest
from onnx import helper

from scoreops.core.errors import BadInput
from scoreops.core.onnx_file import check_onnx
from tests.graphs import DOUBLE, elsewhere, elsewhere_in_a_branch, identity, matrix_product, model, value

PLACES = ["weights.bin", "../weights.bin", "/etc/passwd"]


@pytest.mark.parametrize("build", [elsewhere, elsewhere_in_a_branch])
@pytest.mark.parametrize("place", PLACES)
def test_tensors_in_other_files_are_refused(build, place):
    with pytest.raises(BadInput, match=r"^model\.onnx: keeps a tensor in another file") as caught:
        check_onnx("model.onnx", build(place))
    assert place in str(caught.value)


def about_locations():
    """A model that has the word in a name, and no reference."""
    node = helper.make_node("Identity", ["location"], ["geolocation"])
    return model([node], [value("location", DOUBLE, ["rows", 2])], [value("geolocation", DOUBLE, ["rows", 2])])


@pytest.mark.parametrize("data", [identity(), matrix_product([1.0, 2.0]), about_locations()])
def test_a_model_that_is_one_file_is_taken(data):
    check_onnx("model.onnx", data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"\x20\0\0\0ORTM rest", "ORT format", id="another format"),
        pytest.param(b"junk with a location", "is no ONNX model", id="junk"),
    ],
)
def test_what_is_no_model_is_refused(data, said):
    with pytest.raises(BadInput, match=said):
        check_onnx("model.onnx", data)
