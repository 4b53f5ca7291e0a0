"""Through every door a score's answer is the one of training, and columns that are not the schema's are refused."""

from __future__ import annotations

import asyncio
import json
from math import isnan

import grpc
import httpx
import numpy as np
import pytest

from predictors.dataplane import DataPlane
from predictors.guard import Guard
from predictors.lineup import Lineups, lineup
from predictors.listening import GrpcServer
from predictors.loading import load_bundle
from predictors.metrics import Metrics
from predictors.protocol import SERVICE, InferRequestMessage, InferResponseMessage
from predictors.raw import from_raw, to_raw
from predictors.rest import Rest
from predictors.rpc import Rpc
from predictors.tracing import Tracing
from scoreops.catalog import SCORES
from tests.skew import cases, worst

TOLERANCE = 1e-6
MAX_BYTES = 64 << 20


@pytest.fixture(scope="module")
def parts():
    """Plane and the two doors of a server of the whole catalog."""
    lineups, metrics = Lineups(SCORES), Metrics()
    for name, score in SCORES.items():
        lineups.put(name, lineup({"1": load_bundle(name, score, "1", cases()[name].files)}, {"champion": "1"}, {}))
    plane = DataPlane(lineups, metrics)
    common = (plane, metrics, "test", Guard(), Tracing())
    yield plane, Rest(*common), Rpc(*common)
    plane.close()


def post(app, name, content, headers=None):
    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post(f"/v2/models/{name}/infer", content=content, headers=headers)

    answer = asyncio.run(go())
    if answer.status_code != 200:
        raise ValueError(answer.json()["error"])
    return answer


def described(tensor):
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.data.shape}


def rest_json(parts, name, tensors, outputs):
    inputs = []
    for tensor in tensors:
        data = [None if isinstance(value, float) and isnan(value) else value for value in tensor.data.ravel().tolist()]
        inputs.append(described(tensor) | {"parameters": dict(tensor.parameters), "data": data})
    body = {"inputs": inputs, "outputs": [{"name": output} for output in outputs]}
    made = post(parts[1], name, json.dumps(body)).json()["outputs"]
    return {item["name"]: np.array(item["data"], dtype=np.float64).reshape(item["shape"]) for item in made}


def rest_binary(parts, name, tensors, outputs):
    blobs = [to_raw(tensor.data) for tensor in tensors]
    inputs = [
        described(tensor) | {"parameters": {**tensor.parameters, "binary_data_size": len(blob)}}
        for tensor, blob in zip(tensors, blobs, strict=True)
    ]
    body = {"inputs": inputs, "outputs": [{"name": output} for output in outputs]}
    text = json.dumps(body | {"parameters": {"binary_data_output": True}}).encode()
    head = {"Inference-Header-Content-Length": str(len(text))}
    answer = post(parts[1], name, b"".join((text, *blobs)), head)
    at = int(answer.headers["Inference-Header-Content-Length"])
    found = {}
    for item in json.loads(answer.content[:at])["outputs"]:
        size = item["parameters"]["binary_data_size"]
        found[item["name"]] = from_raw(answer.content[at : at + size], item["datatype"], item["shape"], "answer")
        at += size
    return found


def grpc_raw(parts, name, tensors, outputs):
    message = InferRequestMessage(model_name=name)
    for tensor in tensors:
        item = message.inputs.add(**described(tensor))
        for key, value in tensor.parameters.items():
            item.parameters[key].string_param = value if isinstance(value, str) else ",".join(value)
        message.raw_input_contents.append(to_raw(tensor.data))
    for output in outputs:
        message.outputs.add(name=output)

    async def go():
        listening = GrpcServer(parts[2], parts[0], MAX_BYTES)
        port = await listening.start("127.0.0.1", 0, None)
        try:
            options = [("grpc.max_receive_message_length", MAX_BYTES)]
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
                return await channel.unary_unary(f"/{SERVICE}/ModelInfer")(message.SerializeToString())
        except grpc.aio.AioRpcError as error:
            raise ValueError(error.details()) from error
        finally:
            await listening.stop(1)

    made = InferResponseMessage.FromString(asyncio.run(go()))
    raw = zip(made.outputs, made.raw_output_contents, strict=True)
    return {item.name: from_raw(data, item.datatype, list(item.shape), "answer") for item, data in raw}


DOORS = pytest.mark.parametrize("door", [rest_json, rest_binary, grpc_raw])


@DOORS
@pytest.mark.parametrize("name", SCORES)
def test_a_door_gives_the_answer_of_training(parts, door, name):
    case = cases()[name]
    got = door(parts, name, case.tensors, tuple(case.expected))
    differences = {output: worst(got[output], want) for output, want in case.expected.items()}
    assert max(differences.values()) <= TOLERANCE, differences


@DOORS
@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda columns: (*columns[1:], columns[0]), "columns are out of order", id="permuted"),
        pytest.param(lambda columns: ("beauty", *columns[1:]), "unknown beauty", id="renamed"),
    ],
)
def test_a_door_refuses_other_columns(parts, door, name, change, said):
    first, *rest = cases()[name].tensors
    told = first._replace(parameters={"columns": ",".join(change(SCORES[name].schema.columns))})
    with pytest.raises(ValueError, match=said):
        door(parts, name, (told, *rest), tuple(cases()[name].expected))
