"""Our server, run as a script, for two models: `echo` gives back whatever tensors it gets, and `tiny` of tests.tiny.

`echo` has an input and an output of every datatype that clients send most. Run: echo.py FOLDER PORT GRPC_PORT.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictors.logs import configure
from predictors.server import Options, run
from predictors.sources import FolderSource
from scoreops.adapters.bundles import write_folder
from scoreops.catalog import Score
from scoreops.core.bundle import Golden, Manifest, TensorSpec, pack
from scoreops.core.spec import Schema
from tests.tiny import tiny_bundle, tiny_score

KINDS = {"fp32": "FP32", "fp64": "FP64", "int64": "INT64", "bool": "BOOL", "bytes": "BYTES"}
SPECS = tuple(
    TensorSpec(name=name, datatype=kind, shape=(-1, 2) if name == "fp32" else (-1,), optional=name != "fp32")
    for name, kind in KINDS.items()
)
SCHEMA = Schema(("a", "b"))
GOLDEN: dict[str, list[Any]] = {"fp32": [[1.0, 2.0]], "fp64": [0.5], "int64": [7], "bool": [True], "bytes": ["x"]}


class Echo:
    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        rows = len(tensors["fp32"])
        return {name: tensors.get(name, [GOLDEN[name][0]] * rows) for name in KINDS}


def echo_score() -> Score:
    return Score("echo", SCHEMA, SPECS, SPECS, lambda _files: Echo())


def echo_bundle() -> dict[str, bytes]:
    manifest = Manifest(
        score="echo",
        columns=SCHEMA.columns,
        schema_hash=SCHEMA.hash,
        inputs=SPECS,
        outputs=SPECS,
        thresholds={},
        metrics={},
        training_data="0" * 64,
        trained_until="2026-01-01T00:00:00+00:00",
        reference={},
        importance={},
        golden=Golden(inputs=GOLDEN, outputs=GOLDEN),
        files={},
    )
    return pack(manifest, {})


def main(folder: Path, port: int, grpc_port: int) -> None:
    write_folder(echo_bundle(), folder / "echo" / "1")
    for version, weights in (("1", (1.0, 10.0, 100.0)), ("2", (2.0, 20.0, 200.0))):
        write_folder(tiny_bundle(weights), folder / "tiny" / version)
    configure(as_json=True)
    scores = {"echo": echo_score(), "tiny": tiny_score()}
    run(Options("127.0.0.1", port, scores, FolderSource(folder), version="test", grpc_port=grpc_port))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
