"""Forged bundles in a folder on this machine, and those that only a score or a plain model can be wrong with."""

from __future__ import annotations

import pytest

from predictors.loading import load_bundle
from scoreops.core.errors import Refused
from scoreops.core.spec import Schema
from tests.bundles import plain_bundle
from tests.graphs import matrix_product
from tests.places import FolderPlace
from tests.refusals import Refusals, forged
from tests.tiny import tiny_bundle, tiny_score


class TestFolder(Refusals):
    @pytest.fixture
    def place(self, tmp_path):
        return FolderPlace(tmp_path)


PERMUTED = {"columns": ["b", "a", "c"], "schema_hash": Schema(("b", "a", "c")).hash}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(forged(tiny_bundle(), **PERMUTED), "was trained on schema .* out of order", id="another schema"),
        pytest.param(forged(tiny_bundle(), flavour="onnx"), "'onnx', but tiny is a score of the catalog", id="flavour"),
        pytest.param(forged(tiny_bundle(), {"model.onnx": None}), "cannot be loaded: KeyError", id="no model"),
    ],
)
def test_what_is_wrong_with_a_score(files, said):
    with pytest.raises(Refused, match=rf"^tiny version 1.*{said}"):
        load_bundle("tiny", tiny_score(), "1", files)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(forged(plain_bundle(), flavour="score"), "catalog has only trust, success, fusion", id="flavour"),
        pytest.param(forged(plain_bundle(), {"model.onnx": None}), "needs a model.onnx", id="no model"),
        pytest.param(
            forged(plain_bundle(), {"model.onnx": matrix_product([1.0, 2.0], "features")}),
            r"inputs are features FP64 \[-1, 3\], those of model.onnx are features FP64 \[-1, 2\]",
            id="another graph",
        ),
    ],
)
def test_what_is_wrong_with_a_plain_model(files, said):
    with pytest.raises(Refused, match=rf"^own version 1.*{said}"):
        load_bundle("own", None, "1", files)
