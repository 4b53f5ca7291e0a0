from __future__ import annotations

import pytest

from predictors.fetch import parse, store
from scoreops.core.errors import BadInput


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        pytest.param("mlflow://trust/17", ("trust", "17"), id="number"),
        pytest.param("mlflow://trust/champion", ("trust", "champion"), id="alias"),
    ],
)
def test_a_uri_names_a_model_and_a_version(uri, found):
    assert parse(uri) == found


@pytest.mark.parametrize("uri", ["", "s3://trust/1", "mlflow://", "mlflow://trust", "mlflow:///1", "mlflow://a/b/c"])
def test_another_uri_is_refused(uri):
    with pytest.raises(BadInput, match="is not mlflow://NAME/VERSION"):
        parse(uri)


def test_a_bundle_is_written_whole(tmp_path):
    files = {"bundle.json": b"{}", "model.onnx": b"m", "a": b"1"}
    store(files, tmp_path / "models")
    assert {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()} == files
