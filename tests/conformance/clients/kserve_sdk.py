"""What KServe's own client sees. Run with what to ask as JSON: [[http|grpc, HOST:PORT, binary|plain], ...]."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from tests.conformance.clients.given import ANSWERED, COLUMNS, DATATYPES, MANY, NOT_UTF8, REFUSED, shown


class Asker:
    """A client and where it asks."""

    def __init__(self, kind: str, address: str, *, binary: bool) -> None:
        self._binary = binary
        self._rest = kind == "http"
        if self._rest:
            self._client: Any = InferenceRESTClient(RESTConfig(protocol="v2"))
            self._base: Any = (f"http://{address}",)
        else:
            self._client = InferenceGRPCClient(address)
            self._base = ()

    async def infer(
        self,
        given: dict[str, Any],
        *,
        model: str = "echo",
        version: str = "",
        outputs: Any = None,
        datatypes: Any = None,
        request_id: str | None = None,
        parameters: Any = None,
    ) -> dict[str, Any]:
        form = {"binary_data": self._binary} if self._rest else {}
        request = InferRequest(
            model,
            [self._input(name, data, datatypes or {}) for name, data in given.items()],
            request_id,
            parameters=parameters,
            request_outputs=outputs and [RequestedOutput(name, form) for name in outputs],
            model_version=version or None,
        )
        named = {"model_name": model} if self._rest else {}
        found = await self._client.infer(*self._base, request, **named)
        return {
            "values": {one.name: shown(one.as_numpy()) for one in found.outputs},
            "version": found.model_version,
            "id": found.id,
            "parameters": {name: _plain(value) for name, value in found.parameters.items()},
        }

    def _input(self, name: str, data: Any, datatypes: dict[str, str]) -> Any:
        parameters = {"columns": COLUMNS[name]} if name in COLUMNS else None
        datatype = datatypes.get(name) or DATATYPES.get(name, "FP32")
        tensor = InferInput(name, list(data.shape), datatype, parameters=parameters)
        tensor.set_data_from_numpy(data, binary_data=self._binary)
        return tensor

    async def asked(self, what: str, *of: str) -> Any:
        return await getattr(self._client, what)(*self._base, *of)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else getattr(value, value.WhichOneof("parameter_choice"))


async def outcome(work: Callable[[], Awaitable[Any]]) -> Any:
    """What `work` returns, or the status and message of the error that the client raises."""
    try:
        return await work()
    except httpx.HTTPStatusError as error:
        return {"status": str(error.response.status_code), "error": error.response.json()["error"]}
    except grpc.RpcError as error:
        return {"status": str(error.code()), "error": error.details()}


async def see(kind: str, address: str, form: str) -> dict[str, Any]:
    ask = Asker(kind, address, binary=form == "binary")
    asked = ANSWERED | REFUSED | ({"not UTF-8": NOT_UTF8} if form == "binary" else {})
    cases: dict[str, Callable[[], Awaitable[Any]]] = {
        "live": lambda: ask.asked("is_server_live"),
        "ready": lambda: ask.asked("is_server_ready"),
        "model ready": lambda: ask.asked("is_model_ready", "echo"),
        **{name: lambda given=given: ask.infer(**given) for name, given in asked.items()},
        "many rows": lambda: ask.infer(MANY, outputs=["fp32"]),
    }
    return {name: await outcome(work) for name, work in cases.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asyncio.run(see(*one)) for one in json.loads(sys.argv[1])]))
