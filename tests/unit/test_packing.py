"""A model file of one's own becomes a bundle that answers as its library does, or is refused in words."""

from __future__ import annotations

import json
import pickle

import lightgbm
import numpy as np
import pytest
import xgboost
from typer.testing import CliRunner

from predictors.loading import load_bundle
from predictors.packing import pack_model, read_rows
from predictors.tensors import DTYPES, Tensor
from scoreops.cli import models  # noqa: F401 - registers its commands
from scoreops.cli.app import app
from scoreops.core.bundle import MANIFEST, unpack
from scoreops.core.errors import BadInput, NotFound, Refused, Unsupported
from tests.bundles import answer
from tests.graphs import elsewhere_in_a_branch, identity, matrix_product, two_inputs

RNG = np.random.default_rng(5)
X = RNG.normal(size=(200, 3))
CLASSES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
NAMES = ["height", "weight", "age"]
ROWS = [[0.5, -1.0, None], *X[:3].tolist()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models in the formats of their libraries, and example rows."""
    made = tmp_path_factory.mktemp("models")
    named = xgboost.DMatrix(X, CLASSES, feature_names=NAMES)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, named, 5)
    booster.save_model(made / "iris.json")
    booster.save_model(made / "iris.ubj")
    for name, settings in {"classes": {"objective": "multiclass", "num_class": 3}, "regression": {}}.items():
        quiet = {"verbose": -1, "num_threads": 1}
        lightgbm.train(quiet | settings, lightgbm.Dataset(X, CLASSES), 5).save_model(made / f"{name}.txt")
    (made / "product.onnx").write_bytes(matrix_product([1.0, 2.0, 3.0]))
    (made / "sum.onnx").write_bytes(two_inputs())
    (made / "rows.json").write_text(json.dumps(ROWS))
    for name, data in {
        "other.json": b'{"learner": 1}',
        "text.json": b"junk",
        "other.txt": b"tree\njunk",
        "junk.ubj": b"{L\x00",
        "junk.onnx": b"junk",
        "model.pkl": b"",
        "MODEL.JOBLIB": b"",
        "named-otherwise.txt": pickle.dumps({"a": 1}),
        "model.pmml": b"<PMML/>",
        "none": b"",
    }.items():
        (made / name).write_bytes(data)
    return made


def library_answer(file):
    rows = np.array(ROWS, dtype=np.float64)
    if file.suffix == ".txt":
        return lightgbm.Booster(model_file=file).predict(rows)
    return xgboost.Booster(model_file=file).predict(xgboost.DMatrix(rows, feature_names=NAMES))


@pytest.mark.parametrize(
    ("name", "columns", "datatype", "shape"),
    [
        ("iris.json", tuple(NAMES), "FP32", (-1, 3)),
        ("iris.ubj", tuple(NAMES), "FP32", (-1, 3)),
        ("classes.txt", (), "FP64", (-1, 3)),
        ("regression.txt", (), "FP64", (-1,)),
    ],
)
def test_a_packed_tree_model_predicts_what_its_library_does(folder, name, columns, datatype, shape):
    files = pack_model(folder / name, "iris", ROWS)
    manifest = unpack(files)
    assert (manifest.score, manifest.flavour, manifest.columns) == ("iris", "onnx", columns)
    served = load_bundle("iris", None, "1", files)
    (spec,) = served.outputs
    assert (spec.name, spec.datatype, spec.shape) == ("predict", datatype, shape)
    rows = np.array(ROWS, dtype=DTYPES[datatype])  # each library's own floats
    features = Tensor("features", datatype, rows, {"columns": ",".join(columns)})
    (made,) = answer(served, features)
    np.testing.assert_allclose(made.data, library_answer(folder / name), rtol=1e-6, atol=1e-6)
    assert np.array_equal(np.array(manifest.golden.outputs["predict"], dtype=made.data.dtype), made.data)


def test_the_same_model_and_rows_make_the_same_bundle(folder):
    first, second = (pack_model(folder / "iris.json", "iris", ROWS) for _ in range(2))
    assert first == second


def test_a_graph_is_packed_as_it_is(folder):
    files = pack_model(folder / "product.onnx", "m", ROWS[1:], ("a", "b", "c"))
    assert files["model.onnx"] == (folder / "product.onnx").read_bytes()
    rows = {"x": [[1, 2]], "more": [[10, 20]]}
    assert unpack(pack_model(folder / "sum.onnx", "m", rows)).golden.outputs == {"y": [[11.0, 22.0]]}


@pytest.mark.parametrize(
    ("file", "error", "said"),
    [
        ("missing.onnx", NotFound, "there is no file"),
        ("model.pkl", Refused, r"is a pickle, which runs whatever it holds.* `model.save_model"),
        ("MODEL.JOBLIB", Refused, r"is a pickle.*skl2onnx"),
        ("named-otherwise.txt", Refused, "is a pickle"),
        ("model.pmml", Unsupported, r"one of \.onnx, \.json, \.ubj, \.txt"),
        ("none", Unsupported, r"one of \.onnx"),
        ("other.json", BadInput, r"other\.json: XGBoost cannot read it"),
        ("text.json", BadInput, "Invalid model format"),
        ("junk.ubj", BadInput, "XGBoost cannot read it"),
        ("other.txt", BadInput, r"other\.txt: LightGBM cannot read it"),
        ("junk.onnx", Refused, "cannot be read as an ONNX model"),
    ],
)
def test_what_is_no_model_is_refused_in_words(folder, file, error, said):
    with pytest.raises(error, match=said):
        pack_model(folder / file, "m", ROWS)


@pytest.mark.parametrize(
    ("file", "rows", "said"),
    [
        pytest.param("iris.json", [[1, 2]], r"rows: have shape \[1, 2\], the model takes \[n, 3\]", id="narrow"),
        pytest.param("classes.txt", [[1, 2, 3], [1]], "lists of numbers of one length", id="uneven"),
        pytest.param("iris.json", [["a", 2, 3]], "lists of numbers", id="text"),
        pytest.param("product.onnx", [[1, 2]], "cannot compute this", id="narrow for a graph"),
        pytest.param("product.onnx", [["a", 2, 3]], "rows: are no FP64 for input x", id="text for a graph"),
        pytest.param("product.onnx", {"z": ROWS}, "has rows for z, the model has the inputs x", id="another input"),
        pytest.param("sum.onnx", ROWS, "the inputs x, more: give an object", id="one list for two inputs"),
        pytest.param("iris.json", [], r"have shape \[0\]", id="none"),
    ],
)
def test_rows_that_do_not_fit_are_refused(folder, file, rows, said):
    with pytest.raises(BadInput, match=said):
        pack_model(folder / file, "m", rows)


@pytest.mark.parametrize(
    ("file", "columns", "said"),
    [
        ("iris.json", ("weight", "height", "age"), "2 columns are out of order; column 0 is 'weight'"),
        ("iris.json", ("a", "b"), "missing height"),
        ("classes.txt", ("a", "b"), r"2 columns do not fit input features of shape \[-1, 3\]"),
    ],
)
def test_columns_that_are_not_the_model_s_are_refused(folder, file, columns, said):
    with pytest.raises((BadInput, Refused), match=said):
        pack_model(folder / file, "m", ROWS, columns)


@pytest.mark.parametrize(("name", "said"), [("trust", "is a score of the catalog"), ("../m", "no name for a model")])
def test_names_that_are_taken_or_lead_elsewhere_are_refused(folder, name, said):
    with pytest.raises(BadInput, match=said):
        pack_model(folder / "iris.json", name, ROWS)


@pytest.mark.parametrize(("text", "error"), [("{", BadInput), ("[]", BadInput), ("3", BadInput), (None, NotFound)])
def test_a_file_of_rows_must_hold_rows(tmp_path, text, error):
    file = tmp_path / "rows.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(error):
        read_rows(file)


def run(*arguments):
    return CliRunner().invoke(app, ["models", "pack", *map(str, arguments)])


def test_the_command_writes_a_folder_and_never_over_another_version(folder, tmp_path):
    rows, out = folder / "rows.json", tmp_path / "iris" / "1"
    common = ("--name", "iris", "--rows", rows, "--out", out)
    done = run(folder / "iris.json", *common, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["columns"] == NAMES
    assert said["outputs"] == [{"name": "predict", "datatype": "FP32", "shape": [-1, 3], "optional": False}]
    written = {file.name: file.read_bytes() for file in out.iterdir()}
    assert set(written) == {MANIFEST, "model.onnx"}
    again = run(folder / "iris.json", *common)
    assert again.exit_code == 0
    assert "columns: height, weight, age" in again.output
    other = run(folder / "classes.txt", *common)
    assert other.exit_code == 5
    assert "a version never changes" in " ".join(other.output.split())
    assert {file.name: file.read_bytes() for file in out.iterdir()} == written


def test_the_command_takes_columns(folder, tmp_path):
    done = run(
        folder / "classes.txt", "--name", "m", "--rows", folder / "rows.json", "--out", tmp_path, "--columns", "a,b,c"
    )
    assert done.exit_code == 0, done.output
    assert unpack({file.name: file.read_bytes() for file in tmp_path.iterdir()}).columns == ("a", "b", "c")


def test_a_branch_of_a_graph_that_reads_a_file_is_not_packed(tmp_path):
    (tmp_path / "m.onnx").write_bytes(elsewhere_in_a_branch("/etc/passwd"))
    with pytest.raises(BadInput, match="keeps a tensor in another file"):
        pack_model(tmp_path / "m.onnx", "m", [[1, 2, 3]])


def test_a_larger_tolerance_is_written_down(tmp_path):
    (tmp_path / "m.onnx").write_bytes(identity())
    made = unpack(pack_model(tmp_path / "m.onnx", "m", [[1, 2, 3]], tolerance=1e-3))
    assert made.golden.tolerance == 1e-3
    for wide in (-1.0, 1.0, float("nan")):
        with pytest.raises(BadInput, match="tolerance: is"):
            pack_model(tmp_path / "m.onnx", "m", [[1, 2, 3]], tolerance=wide)
