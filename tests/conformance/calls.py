"""Calls that are made to every server over gRPC, and what of the answers is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc
import numpy as np
from grpc_health.v1 import health_pb2

from bench.rivals.booster import DATATYPE
from bench.rivals.servers import MODEL
from predictors.protocol import SERVICE, message
from tests.conformance.cases import DIGITS, ID, ROWS, shown

HEALTH = "grpc.health.v1.Health"


class Call(NamedTuple):
    """A method with its message, and what of its answer is compared."""

    method: str
    sent: bytes
    answer: Any
    look: Callable[[Any], Any]

    def ask(self, channel: grpc.Channel) -> str:
        """Status and what is compared, as one line of text."""
        ask = channel.unary_unary(f"/{self.method}", response_deserializer=self.answer.FromString)
        try:
            found = ask(self.sent, timeout=30)
        except grpc.RpcError as error:
            return str(error.code().name)
        return f"OK {shown(self.look(found))}"


def call(method: str, look: Callable[[Any], Any], **fields: Any) -> Call:
    sent = message(f"{method}Request")(**fields)
    return Call(f"{SERVICE}/{method}", sent.SerializeToString(), message(f"{method}Response"), look)


def values(found: Any) -> Any:
    """Datatype and values of the first output."""
    first = found.outputs[0]
    raw = np.frombuffer(found.raw_output_contents[0], np.float32) if found.raw_output_contents else None
    numbers = first.contents.fp32_contents if raw is None else raw.tolist()
    return [first.datatype, [round(value, DIGITS) for value in numbers]]


def heads(found: Any) -> Any:
    return [[one.name, list(one.shape)] for one in found.outputs]


def form(found: Any) -> str:
    """Whether the values come as raw bytes or as numbers."""
    return "raw" if found.raw_output_contents else "contents"


def infer(look: Any = values, *, raw: bool = True, rows: Any = ROWS, model: str = MODEL, **changed: Any) -> Call:
    tensor = {"name": "features", "datatype": DATATYPE, "shape": list(rows.shape)}
    tensor |= {name: changed.pop(name) for name in ("name", "datatype", "shape") if name in changed}
    if not raw:
        tensor["contents"] = {"fp32_contents": rows.ravel().tolist()}
    more = {"raw_input_contents": [rows.tobytes()]} if raw else {}
    return call("ModelInfer", look, **({"model_name": model, "inputs": [tensor]} | more | changed))


CALLS: Mapping[str, Call] = {
    "gRPC: the server is alive": call("ServerLive", lambda found: found.live),
    "gRPC: the server is ready": call("ServerReady", lambda found: found.ready),
    "gRPC: the standard health check": Call(
        f"{HEALTH}/Check",
        health_pb2.HealthCheckRequest().SerializeToString(),
        health_pb2.HealthCheckResponse,
        lambda found: found.status,
    ),
    "gRPC: the model is ready": call("ModelReady", lambda found: found.ready, name=MODEL),
    "gRPC: an unknown model is ready": call("ModelReady", lambda found: found.ready, name="other"),
    "gRPC: metadata of the model": call("ModelMetadata", lambda found: [one.name for one in found.inputs], name=MODEL),
    "gRPC: metadata of an unknown model": call("ModelMetadata", lambda found: found.name, name="other"),
    "gRPC: index of the repository": call("RepositoryIndex", lambda found: [one.name for one in found.models]),
    "gRPC: rows, raw": infer(),
    "gRPC: rows, not raw": infer(raw=False),
    "gRPC: raw rows come back": infer(form),
    "gRPC: rows come back that were not raw": infer(form, raw=False),
    "gRPC: raw and not raw at once": infer(raw=False, raw_input_contents=[ROWS.tobytes()]),
    "gRPC: names and shapes of the outputs": infer(heads),
    "gRPC: an output by name": infer(heads, outputs=[{"name": "predict"}]),
    "gRPC: an unknown output by name": infer(heads, outputs=[{"name": "beauty"}]),
    "gRPC: an id": infer(lambda found: found.id, id=ID),
    "gRPC: a version": infer(lambda found: found.model_version, model_version="1"),
    "gRPC: an unknown model": infer(model="other"),
    "gRPC: an unknown version": infer(model_version="9"),
    "gRPC: no inputs": infer(inputs=[], raw_input_contents=[]),
    "gRPC: no contents": infer(raw_input_contents=[]),
    "gRPC: an unknown datatype": infer(datatype="FLOAT"),
    "gRPC: fewer bytes than the shape says": infer(raw_input_contents=[ROWS.tobytes()[:-8]]),
    "gRPC: half a number": infer(raw_input_contents=[ROWS.tobytes()[:-1]]),
    "gRPC: a column too few": infer(rows=ROWS[:, 1:]),
    "gRPC: no rows": infer(rows=ROWS[:0]),
    "gRPC: bytes that are no message": Call(
        f"{SERVICE}/ModelInfer", b"\xff\xff\xff", message("ModelInferResponse"), values
    ),
}
