"""What Triton's own client sees. Run with what to ask as JSON: [[http|grpc, HOST:PORT, binary|plain], ...]."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tritonclient.utils import InferenceServerException

from tests.conformance.clients.given import ANSWERED, COLUMNS, DATATYPES, MANY, NOT_UTF8, REFUSED, shown


class Asker:
    """A client and the way its module wants tensors."""

    def __init__(self, kind: str, address: str, *, binary: bool) -> None:
        self._module = import_module(f"tritonclient.{kind}")
        self.client = self._module.InferenceServerClient(address)
        self.http = kind == "http"
        self._form = {"binary_data": binary} if self.http else {}
        self.json = {} if self.http else {"as_json": True}

    def infer(
        self,
        given: dict[str, Any],
        *,
        model: str = "echo",
        version: str = "",
        outputs: Any = None,
        datatypes: Any = None,
        request_id: str = "",
        **more: Any,
    ) -> dict[str, Any]:
        inputs = [self._input(name, data, datatypes or {}) for name, data in given.items()]
        asked = outputs and [self._module.InferRequestedOutput(name, **self._form) for name in outputs]
        found = self.client.infer(model, inputs, version, asked, request_id, **more)
        head = found.get_response(**self.json)
        return {
            "values": {one["name"]: shown(found.as_numpy(one["name"])) for one in head["outputs"]},
            "version": head["model_version"],
            "id": head["id"],
            "parameters": {name: _plain(value) for name, value in head["parameters"].items()},
        }

    def _input(self, name: str, data: Any, datatypes: dict[str, str]) -> Any:
        datatype = datatypes.get(name) or DATATYPES.get(name, "FP32")
        tensor = self._module.InferInput(name, list(data.shape), datatype)
        tensor.set_data_from_numpy(data, **self._form)
        if name in COLUMNS and self.http:
            tensor._parameters["columns"] = COLUMNS[name]
        elif name in COLUMNS:
            tensor._get_tensor().parameters["columns"].string_param = COLUMNS[name]
        return tensor


def _plain(value: Any) -> Any:
    """A parameter without what JSON of protobuf wraps it in."""
    return next(iter(value.values())) if isinstance(value, dict) else value


def outcome(work: Callable[[], Any]) -> Any:
    """What `work` returns, or the status and message of the error that the client raises."""
    try:
        return work()
    except InferenceServerException as error:
        return {"status": error.status(), "error": error.message()}


def see(kind: str, address: str, form: str) -> dict[str, Any]:
    ask = Asker(kind, address, binary=form == "binary")
    client = ask.client
    packed = {
        one: {"request_compression_algorithm": one, "response_compression_algorithm": one}
        if ask.http
        else {"compression_algorithm": one}
        for one in ("gzip", "deflate")
    }
    asked = ANSWERED | REFUSED | ({"not UTF-8": NOT_UTF8} if form == "binary" else {})
    cases: dict[str, Callable[[], Any]] = {
        "live": client.is_server_live,
        "ready": client.is_server_ready,
        "model ready": lambda: client.is_model_ready("echo"),
        "version ready": lambda: client.is_model_ready("tiny", "2"),
        "server": lambda: client.get_server_metadata(**ask.json),
        "metadata": lambda: client.get_model_metadata("tiny", **ask.json),
        "unknown metadata": lambda: client.get_model_metadata("other", **ask.json),
        "index": lambda: client.get_model_repository_index(**ask.json),
        "statistics": lambda: client.get_inference_statistics("echo", **ask.json),
        "shared memory": lambda: client.get_system_shared_memory_status(**ask.json),
        **{name: lambda given=given: ask.infer(**given) for name, given in asked.items()},
        **{name: lambda how=how: ask.infer(MANY, outputs=["fp32"], **how) for name, how in packed.items()},
    }
    return {name: outcome(work) for name, work in cases.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([see(*one) for one in json.loads(sys.argv[1])]))
