"""One question in each form that a door takes, and the numbers in the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.rivals.booster import COLUMNS, DATATYPE, Rows
from bench.rivals.servers import HOST, MODEL, Server
from predictors.protocol import message
from scoreops.core.errors import Refused

JSON: Final = "REST JSON"
BINARY: Final = "REST binary"
GRPC: Final = "gRPC raw"
DOORS: Final = (JSON, BINARY, GRPC)
PATH: Final = f"/v2/models/{MODEL}/infer"
_HEAD: Final = "Inference-Header-Content-Length"


class Question(NamedTuple):
    """Bytes to send; `headers` for HTTP only."""

    headers: Mapping[str, str]
    body: bytes


def question(door: str, rows: Rows) -> Question:
    """The question for `rows` through `door`: byte for byte the same for every server."""
    if door == GRPC:
        return Question({}, _message(rows).SerializeToString())
    tensor: dict[str, object] = {"name": "features", "datatype": DATATYPE, "shape": rows.shape}
    if door == JSON:
        tensor |= {
            "parameters": {"columns": ",".join(COLUMNS)},
            "data": rows.ravel().tolist(),
        }
        return Question({"Content-Type": "application/json"}, json.dumps({"inputs": [tensor]}).encode())
    tensor["parameters"] = {"columns": ",".join(COLUMNS), "binary_data_size": rows.nbytes}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", _HEAD: str(len(head))}
    return Question(headers, head + rows.tobytes())


def ask(server: Server, door: str, rows: Rows) -> NDArray[np.float64]:
    """(n,) what `server` answers. Raises Refused when it does not answer at all."""
    asked = question(door, rows)
    if door == GRPC:
        return _call(server, asked.body)
    connection = HTTPConnection(HOST, server.http, timeout=30)
    try:
        connection.request("POST", PATH, asked.body, dict(asked.headers))
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"{server.name} answers {answer.status} to {door}: {body[:200]!r}")
    size = int(answer.headers.get(_HEAD, len(body)))
    output = json.loads(body[:size])["outputs"][0]
    values = output["data"] if "data" in output else np.frombuffer(body[size:], np.float32)[: len(rows)]
    return np.asarray(values, dtype=np.float64)


def protoset() -> bytes:
    """The protocol's description for a client that has no generated code."""
    return files("predictors").joinpath("open_inference.binpb").read_bytes()


def _call(server: Server, body: bytes) -> NDArray[np.float64]:
    import grpc

    made = message("ModelInferResponse")
    with grpc.insecure_channel(f"{HOST}:{server.grpc}") as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", response_deserializer=made.FromString)
        answer = infer(body, timeout=30)
    if answer.raw_output_contents:
        return np.frombuffer(answer.raw_output_contents[0], np.float32).astype(np.float64)
    return np.asarray(answer.outputs[0].contents.fp32_contents, dtype=np.float64)


def _message(rows: Rows) -> Any:
    request: Any = message("ModelInferRequest")(model_name=MODEL, raw_input_contents=[rows.tobytes()])
    tensor = request.inputs.add(name="features", datatype=DATATYPE, shape=rows.shape)
    tensor.parameters["columns"].string_param = ",".join(COLUMNS)
    return request
