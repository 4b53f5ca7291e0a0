"""Models of one's own over the v2 protocol, and the one folder that KServe mounts, for both flavours of bundle."""

from __future__ import annotations

import json

import pytest

from predictors import plain
from predictors.sources import FolderSource
from scoreops.adapters.bundles import write_folder
from scoreops.core.bundle import MANIFEST
from scoreops.kol.fusion_score import FUSION_FEATURES
from tests.bundles import COLUMNS, fusion_bundle, plain_bundle
from tests.door import Door

MODELS = {
    "own": (plain_bundle, [[1.0, 2.0, 3.0]], ",".join(COLUMNS), "y"),
    "fusion": (fusion_bundle, [[1.0] * len(FUSION_FEATURES)], ",".join(FUSION_FEATURES.columns), "score"),
}


@pytest.fixture
def door(tmp_path):
    """A server of a model, as `--model NAME --model-dir DIR` makes it."""
    opened = []

    def open_(model):
        opened.append(Door(FolderSource(tmp_path), model, plain.scores([model])[model]))
        return opened[-1]

    yield open_
    for made in opened:
        made.close()


@pytest.mark.parametrize("place", [".", "{model}", "{model}/1"])
@pytest.mark.parametrize("model", MODELS)
def test_a_bundle_of_either_flavour_is_served_from_its_folder(model, place, door, tmp_path):
    make, rows, columns, output = MODELS[model]
    write_folder(make(), tmp_path / place.format(model=model))
    server = door(model)
    assert server.refresh().problem == ""
    assert server.ready
    answer = server.infer(rows, columns)
    assert answer.status_code == 200, answer.text
    assert output in [made["name"] for made in answer.json()["outputs"]]
    assert server.infer(rows, ",".join(reversed(columns.split(",")))).status_code == 400


def test_metadata_are_those_of_the_manifest(door, tmp_path):
    files = plain_bundle()
    write_folder(files, tmp_path)
    server = door("own")
    server.refresh()
    said, manifest = server.ask("GET", "/v2/models/own").json(), json.loads(files[MANIFEST])
    assert said["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 3]}]
    assert said["outputs"] == [{"name": "y", "datatype": "FP64", "shape": [-1]}]
    assert said["properties"]["columns"] == ",".join(COLUMNS)
    assert said["properties"]["schema_hash"] == manifest["schema_hash"]
    assert "trained_until" not in said["properties"]


def test_without_columns_none_need_be_named(door, tmp_path):
    write_folder(plain_bundle(columns=()), tmp_path)
    server = door("own")
    server.refresh()
    assert server.infer([[1.0, 2.0, 3.0]]).json()["outputs"][0]["data"] == [321.0]


@pytest.mark.parametrize(
    ("columns", "instance", "status"),
    [
        pytest.param(COLUMNS, {"c": 3, "a": 1, "b": 2}, 200, id="an object for names"),
        pytest.param((), {"c": 3, "a": 1, "b": 2}, 400, id="an object without names"),
        pytest.param((), [1, 2, 3], 200, id="a list without names"),
        pytest.param(COLUMNS, [1, 2, 3], 400, id="a list that names nothing"),
    ],
)
def test_the_old_protocol_never_guesses_an_order(columns, instance, status, door, tmp_path):
    write_folder(plain_bundle(columns=columns), tmp_path)
    server = door("own")
    server.refresh()
    made = server.ask("POST", "/v1/models/own:predict", json={"instances": [instance]})
    assert made.status_code == status, made.text
    if status == 200:
        assert made.json()["predictions"] == [321.0]


def test_a_folder_of_another_model_is_refused_by_name(door, tmp_path):
    write_folder(plain_bundle(name="own"), tmp_path)
    server = door("iris")
    assert "iris version 1: it is a bundle of 'own'" in server.refresh().problem
    assert not server.ready
