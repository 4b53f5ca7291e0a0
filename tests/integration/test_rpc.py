"""The gRPC door over a real socket: every method, health, reflection, and the same words for what does not fit."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from predictors.admission import Limits
from predictors.protocol import SERVICE, InferResponseMessage, message
from tests.calling import KEY, once, question, talk
from tests.serving import Server
from tests.tiny import JOINED, tiny_bundle


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path, Limits(rows=500, concurrency=4))
    made.put("1", tiny_bundle())
    made.keeper.refresh("tiny")
    yield made
    made.plane.close()


def refused(server, method, request, **more):
    """Status and words of a call that is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        once(server, method, request, **more)
    return caught.value.code(), caught.value.details()


@pytest.mark.parametrize("raw", [True, False])
def test_contents_come_back_as_they_were_sent(server, raw):
    made = once(server, "ModelInfer", question(raw=raw))
    assert (made.model_name, made.model_version, made.id) == ("tiny", "1", "q1")
    assert made.parameters["alias"].string_param == "champion"
    assert [(output.name, output.datatype, list(output.shape)) for output in made.outputs] == [
        ("score", "FP64", [2]),
        ("known", "BOOL", [2]),
        ("reasons", "BYTES", [2]),
    ]
    if raw:
        assert np.frombuffer(made.raw_output_contents[0]).tolist() == [321.0, 1000.0]
        assert made.raw_output_contents[1] == b"\1\0"
        assert not made.outputs[0].HasField("contents")
    else:
        assert list(made.outputs[0].contents.fp64_contents) == [321.0, 1000.0]
        assert list(made.outputs[1].contents.bool_contents) == [True, False]
        assert list(made.outputs[2].contents.bytes_contents) == [b'[""]', b'[""]']
        assert not made.raw_output_contents


def test_outputs_and_parameters_of_a_request(server):
    asked = question()
    asked.outputs.add(name="known")
    asked.parameters["as_of"].string_param = "2026-03-01T10:00:00Z"
    made = once(server, "ModelInfer", asked)
    assert [output.name for output in made.outputs] == ["known"]
    assert made.parameters["as_of"].string_param == "2026-03-01T10:00:00Z"


@pytest.mark.parametrize(
    ("kind", "value"), [("int64_param", -(2**63)), ("uint64_param", 2**64 - 1), ("double_param", 1.5)]
)
def test_a_number_is_echoed_whatever_its_size(server, kind, value):
    asked = question()
    setattr(asked.parameters["as_of"], kind, value)
    assert getattr(once(server, "ModelInfer", asked).parameters["as_of"], kind) == value


def typed(field, values, datatype):
    made = question(raw=False, datatype=datatype)
    made.inputs[0].ClearField("contents")
    getattr(made.inputs[0].contents, field).extend(values)
    return made


def both_kinds():
    made = question()
    made.inputs[0].contents.fp64_contents.append(1.0)
    return made


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        pytest.param(question(columns="b,a,c"), "INVALID_ARGUMENT", "2 columns are out of order", id="permuted"),
        pytest.param(question(columns=""), "INVALID_ARGUMENT", "say which columns", id="columns not told"),
        pytest.param(question(model_name="other"), "NOT_FOUND", "no model 'other'", id="unknown model"),
        pytest.param(question(model_version="9"), "NOT_FOUND", "has no version '9'", id="unknown version"),
        pytest.param(question(np.ones((501, 3))), "INVALID_ARGUMENT", "501 rows, at most 500", id="too many rows"),
        pytest.param(question(np.ones((1, 2))), "INVALID_ARGUMENT", "shape is [1, 2]", id="a column short"),
        pytest.param(question(datatype="FP65"), "INVALID_ARGUMENT", "'FP65' is not one of", id="datatype"),
        pytest.param(typed("fp32_contents", [1.0] * 6, "FP64"), "INVALID_ARGUMENT", "not in fp32_contents", id="field"),
        pytest.param(
            typed("int_contents", [300] * 6, "INT8"), "INVALID_ARGUMENT", "out of the range of INT8", id="range"
        ),
        pytest.param(typed("fp32_contents", [1.0] * 6, "FP16"), "INVALID_ARGUMENT", "sent as raw contents", id="FP16"),
        pytest.param(
            typed("fp64_contents", [1.0] * 5, "FP64"), "INVALID_ARGUMENT", "data has 5 values", id="a value short"
        ),
        pytest.param(both_kinds(), "INVALID_ARGUMENT", "has contents though raw contents are given", id="both kinds"),
        pytest.param(b"\xff\xff\xff", "INVALID_ARGUMENT", "the message is no ModelInferRequest", id="no message"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(server, asked, code, said):
    status, words = refused(server, "ModelInfer", asked)
    assert status.name == code
    assert said in words
    assert f'predictor_grpc_errors_total{{code="{code}"}} 1.0' in server.metrics.render().decode()


def test_metadata_and_readiness(server):
    assert once(server, "ServerLive").live
    assert once(server, "ServerReady").ready
    assert once(server, "ModelReady", message("ModelReadyRequest")(name="tiny")).ready
    about = once(server, "ServerMetadata")
    assert (about.name, about.version, list(about.extensions)) == (
        "scoreops",
        "1.2",
        ["model_repository", "binary_tensor_data"],
    )
    made = once(server, "ModelMetadata", message("ModelMetadataRequest")(name="tiny"))
    assert (made.name, list(made.versions), made.properties["columns"]) == ("tiny", ["1"], JOINED)
    first = made.inputs[0]
    assert (first.name, first.datatype, list(first.shape)) == ("features", "FP64", [-1, 3])
    (entry,) = once(server, "RepositoryIndex", message("RepositoryIndexRequest")()).models
    assert (entry.name, entry.version, entry.state) == ("tiny", "1", "READY")


@pytest.mark.parametrize("field", ["repository_or_model", "model_name"])
def test_unloading_and_loading_want_the_key(server, field):
    asked = message("RepositoryModelRequest")(**{field: "tiny"})
    assert refused(server, "RepositoryModelUnload", asked)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert once(server, "RepositoryModelUnload", asked, metadata=KEY).done
    assert not once(server, "ModelReady", message("ModelReadyRequest")(name="tiny")).ready
    assert refused(server, "ModelInfer", question())[0] is grpc.StatusCode.UNAVAILABLE
    assert once(server, "RepositoryModelLoad", asked, metadata=KEY).model_name == "tiny"
    assert once(server, "ModelInfer", question()).model_version == "1"


def test_a_crowd_is_refused_early(server):
    async def conversation(call, _channel):
        data = question().SerializeToString()
        return await asyncio.gather(*(call("ModelInfer", data) for _ in range(200)), return_exceptions=True)

    answers = talk(server, conversation)
    good = [InferResponseMessage.FromString(answer) for answer in answers if isinstance(answer, bytes)]
    codes = {answer.code() for answer in answers if not isinstance(answer, bytes)}
    assert good
    assert codes <= {grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_a_full_server_is_still_alive_and_ready(server):
    turns = [server.plane.admit() for _ in range(server.plane.limits.concurrency)]
    assert refused(server, "ModelInfer", question())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert once(server, "ServerLive").live
    assert once(server, "ServerReady").ready
    for turn in turns:
        with turn:
            pass
    assert once(server, "ModelInfer", question()).model_version == "1"


def test_the_health_service_follows_readiness(server):
    async def conversation(_call, channel):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        seen = [(await watch.read()).status]
        if seen[0] is not health_pb2.HealthCheckResponse.SERVING:
            seen.append((await watch.read()).status)
        server.plane.draining = True
        seen.append((await watch.read()).status)
        watch.cancel()
        return seen[-2:]

    assert talk(server, conversation) == [
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    ]


@pytest.mark.parametrize(
    "name", [SERVICE, f"{SERVICE}.ModelInfer", "inference.ModelInferRequest", "grpc.health.v1.Health"]
)
def test_reflection_describes_the_service(server, name):
    async def conversation(_call, channel):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="*")]
        asked.append(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name))
        return [answer async for answer in stub.ServerReflectionInfo(iter(asked))]

    listed, file = talk(server, conversation)
    assert SERVICE in {service.name for service in listed.list_services_response.service}
    assert file.file_descriptor_response.file_descriptor_proto


def test_w3c_context_goes_through(server):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def conversation(call, _channel):
        made = call("ModelInfer", question(), metadata=(("traceparent", parent),))
        await made
        return dict(await made.trailing_metadata())

    assert talk(server, conversation)["traceparent"] == parent
