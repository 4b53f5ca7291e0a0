"""Calls of the gRPC door over a real socket, and requests to make them with."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np

from predictors.listening import GrpcServer
from predictors.protocol import SERVICE, InferRequestMessage, message
from predictors.rpc import Rpc
from tests.tiny import JOINED

KEY = (("x-api-key", "secret"),)
ROWS = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, np.nan]])
ANSWERS = {name: f"{name}Response" for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata")} | {
    "ModelMetadata": "ModelMetadataResponse",
    "RepositoryIndex": "RepositoryIndexResponse",
    "RepositoryModelLoad": "RepositoryModelResponse",
    "RepositoryModelUnload": "RepositoryModelResponse",
    "ModelInfer": "ModelInferResponse",
}


def talk(server, conversation):
    """Result of `conversation(call, channel)` with a client of `server`."""

    async def go():
        door = Rpc(server.plane, server.metrics, "1.2", server.guard, server.tracing)
        listening = GrpcServer(door, server.plane, 1_000_000)
        port = await listening.start("127.0.0.1", 0, None)
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

                def call(method, request=b"", **more):
                    answer = channel.unary_unary(f"/{SERVICE}/{method}")
                    return answer(request if isinstance(request, bytes) else request.SerializeToString(), **more)

                return await conversation(call, channel)
        finally:
            await listening.stop(1)

    return asyncio.run(go())


def once(server, method, request=b"", **more):
    """The answer to one call."""

    async def conversation(call, _channel):
        return message(ANSWERS[method]).FromString(await call(method, request, **more))

    return talk(server, conversation)


def question(rows=ROWS, columns=JOINED, *, raw=True, datatype="FP64", **more):
    made = InferRequestMessage(**{"model_name": "tiny", "id": "q1", **more})
    item = made.inputs.add(name="features", datatype=datatype, shape=rows.shape)
    if columns:
        item.parameters["columns"].string_param = columns
    if raw:
        made.raw_input_contents.append(rows.tobytes())
    else:
        item.contents.fp64_contents.extend(rows.ravel())
    return made
