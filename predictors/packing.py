"""A model file of somebody's own -> a bundle of flavour "onnx", with a golden request made of example rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from predictors.loading import load_bundle
from predictors.plain import MODEL, PlainModel, check_name
from predictors.tensors import DTYPES, Array
from scoreops.adapters.bundles import write_folder
from scoreops.catalog import SCORES
from scoreops.core.bundle import (
    FORBIDDEN_SUFFIXES,
    MANIFEST,
    MAX_TOLERANCE,
    Golden,
    Manifest,
    TensorSpec,
    is_pickle,
    pack,
)
from scoreops.core.errors import BadInput, NotFound, Refused, Unsupported
from scoreops.core.onnx_export import lightgbm_graph, trained_columns, xgboost_graph
from scoreops.core.onnx_file import check_onnx
from scoreops.core.spec import Schema

Rows = list[Any] | dict[str, list[Any]]
"""Example rows of a model with one input, or one list of rows for each input by name. null is missing."""
_Exported = tuple[bytes, tuple[str, ...]]
"""A graph, and the columns that its model was trained with where it knows them."""
_INSTEAD: Final = (
    'save it in its own format instead: XGBoost `model.save_model("model.json")`, LightGBM '
    '`booster.save_model("model.txt")`, scikit-learn `skl2onnx.to_onnx(model, rows, options={"zipmap": False})`'
)

TREES: Final = (".json", ".ubj", ".txt")
"""Files of trees, which answer each row by itself."""


def pack_model(
    file: Path, name: str, rows: Rows, columns: Sequence[str] = (), *, tolerance: float = 1e-6
) -> dict[str, bytes]:
    """The files of a bundle of the model in `file`, which a server would take as it is.

    Args:
        file: `.onnx`, XGBoost's `.json` or `.ubj`, or LightGBM's `.txt`.
        name: What the model is called; no score of the catalog.
        rows: At least one example; with the model's answers they are the golden request.
        columns: Names of the columns of the first input. Default: those that the model was trained with, if it knows.
        tolerance: How far a server's golden answers may be from those of this machine.

    Raises NotFound, BadInput, Unsupported for a file of another kind, Refused when the export is not equal to the
    library within 1e-6 or the model cannot be served.
    """
    if check_name(name) in SCORES:
        raise BadInput(f"{name!r} is a score of the catalog; choose another name", "name")
    if not 0 <= tolerance <= MAX_TOLERANCE:
        raise BadInput(f"is {tolerance}, not between 0 and {MAX_TOLERANCE}", "tolerance")
    data, trained = _exporter(file)(file, rows)
    if columns and trained:
        Schema(trained).check(columns, "columns")
    check_onnx(MODEL, data)
    model = PlainModel(data)
    manifest = _manifest(name, model, tuple(columns or trained), rows, tolerance)
    manifest = manifest.model_copy(update={"rowwise": file.suffix.lower() in TREES})
    files = pack(manifest, {MODEL: data})
    load_bundle(name, None, "1", files)
    return files


def _manifest(name: str, model: PlainModel, columns: tuple[str, ...], rows: Rows, tolerance: float) -> Manifest:
    given = _inputs(model, rows)
    made = model.infer({spec.name: _tensor(spec, given[spec.name]) for spec in model.inputs}, {})
    return Manifest(
        score=name,
        flavour="onnx",
        columns=columns,
        schema_hash=Schema(columns).hash,
        inputs=model.inputs,
        outputs=tuple(_answered(spec, made[spec.name]) for spec in model.outputs),
        thresholds={},
        metrics={},
        training_data="",
        trained_until="",
        reference={},
        importance={},
        golden=Golden(inputs=given, outputs={key: _plain(made[key]) for key in made}, tolerance=tolerance),
        files={},
    )


def write_new(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the bundle where there is none yet; the same once more changes nothing. Raises Refused for another one."""
    there = folder / MANIFEST
    if there.exists() and there.read_bytes() != files[MANIFEST]:
        raise Refused(f"{folder} holds another bundle, and a version never changes; choose a new folder")
    write_folder(files, folder)


def _exporter(file: Path) -> Callable[[Path, Rows], _Exported]:
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    suffix = file.suffix.lower()
    if suffix in FORBIDDEN_SUFFIXES or is_pickle(file.read_bytes()):
        raise Refused(f"{file.name} is a pickle, which runs whatever it holds when it is read; {_INSTEAD}")
    if suffix not in _EXPORTERS:
        raise Unsupported(f"{file.name!r}: a model is one of {', '.join(_EXPORTERS)}; {_INSTEAD}")
    return _EXPORTERS[suffix]


def _onnx(file: Path, _rows: Rows) -> _Exported:
    return file.read_bytes(), ()


def _xgboost(file: Path, rows: Rows) -> _Exported:
    import xgboost

    try:
        booster = xgboost.Booster(model_file=str(file))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise BadInput(f"XGBoost cannot read it: {_first_line(error)}", file.name) from error
    return xgboost_graph(booster, _matrix(rows)), trained_columns(booster.feature_names)


def _lightgbm(file: Path, rows: Rows) -> _Exported:
    import lightgbm

    try:
        booster = lightgbm.Booster(model_file=str(file))
    except lightgbm.basic.LightGBMError as error:
        raise BadInput(f"LightGBM cannot read it: {_first_line(error)}", file.name) from error
    return lightgbm_graph(booster, _matrix(rows)), trained_columns(booster.feature_name())


_EXPORTERS: Final[Mapping[str, Callable[[Path, Rows], _Exported]]] = {
    ".onnx": _onnx,
    ".json": _xgboost,
    ".ubj": _xgboost,
    ".txt": _lightgbm,
}


def read_rows(file: Path) -> Rows:
    """Example rows from a JSON file. Raises NotFound, BadInput."""
    try:
        rows = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {file}") from error
    except ValueError as error:
        raise BadInput(f"is no JSON: {error}", file.name) from error
    if not isinstance(rows, list | dict) or not rows:
        raise BadInput("must be a list of rows, or an object with one list of rows for each input", file.name)
    return rows


def _inputs(model: PlainModel, rows: Rows) -> dict[str, list[Any]]:
    names = [spec.name for spec in model.inputs]
    if isinstance(rows, list):
        if len(names) != 1:
            raise BadInput(f"the model has the inputs {', '.join(names)}: give an object with rows for each", "rows")
        return {names[0]: rows}
    if set(rows) != set(names):
        raise BadInput(f"has rows for {', '.join(rows)}, the model has the inputs {', '.join(names)}", "rows")
    return {name: rows[name] for name in names}


def _matrix(rows: Rows) -> Any:
    """Rows of a tree model as (n, d) float64."""
    listed = rows if isinstance(rows, list) else next(iter(rows.values()))
    try:
        return np.array(listed, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"must be lists of numbers of one length: {error}", "rows") from error


def _tensor(spec: TensorSpec, values: list[Any]) -> Array:
    try:
        return np.array(values, dtype=DTYPES[spec.datatype])
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"are no {spec.datatype} for input {spec.name}: {error}", "rows") from error


def _answered(spec: TensorSpec, values: Array) -> TensorSpec:
    """The output with the shape of its answer, where the graph says nothing about it."""
    return spec if spec.shape else spec.model_copy(update={"shape": (-1, *values.shape[1:])})


def _plain(values: Array) -> Any:
    """Nested lists as JSON has them: NaN is null."""
    return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))


def _first_line(error: Exception) -> str:
    """What a library says, without the time and the line of its source before it and the stack after it."""
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", line.strip())[:300]
