"""Real bundles of both flavours: one of the catalog's fusion score, and plain models y = x . weights."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from kfp_pipelines.bundling import bundle
from predictors.packing import pack_model
from predictors.served import ask, compute
from predictors.tensors import InferRequest
from scoreops.core.bundle import pack, unpack
from scoreops.kol.fusion import FusionRevision
from scoreops.kol.fusion_score import FUSION_FEATURES, files_of
from tests.graphs import matrix_product

COLUMNS = ("a", "b", "c")


def plain_bundle(weights=(1.0, 10.0, 100.0), name="own", columns=COLUMNS):
    """A bundle of flavour "onnx"."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(matrix_product(weights, "features"))
        return pack_model(file, name, [[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], columns)


def fusion_bundle():
    """A bundle of flavour "score"."""
    revision = FusionRevision(
        revenue_weight=0.5,
        trust_weight=0.3,
        sentiment_weight=0.2,
        anomaly_weight=0.1,
        logit_weights=(2.0, 2.0, 1.0),
        logit_bias=-2.0,
        revenue_quantiles=tuple(float(step) for step in range(21)),
    )
    width = len(FUSION_FEATURES)
    rows = pd.DataFrame(np.arange(8.0 * width).reshape(8, width), columns=list(FUSION_FEATURES.columns))
    return bundle("fusion", files_of(revision), rows, rows, until=500_000)


def answer(served, *tensors):
    """All outputs of a loaded bundle for these inputs."""
    return compute(served, ask(served, InferRequest(tensors), most_rows=100))


def misses_its_golden_request(files):
    """The same bundle, whole and registered as it is, whose golden answer is another one than the model gives."""
    manifest = unpack(files)
    wrong = {name: [value + 1 for value in values] for name, values in manifest.golden.outputs.items()}
    golden = manifest.golden.model_copy(update={"outputs": wrong})
    made = manifest.model_copy(update={"golden": golden, "files": {}})
    return pack(made, {name: data for name, data in files.items() if name in manifest.files})
