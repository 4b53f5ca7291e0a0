"""The compiled protocol is that of the source (REGEN=1 rewrites it), and its wire is that of everybody's clients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from predictors import protocol

FOLDER = Path(protocol.__file__).parent
COMPILED = FOLDER / "open_inference.binpb"


def test_the_compiled_protocol_is_that_of_the_source(tmp_path):
    target = COMPILED if os.environ.get("REGEN") else tmp_path / "fresh.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", FOLDER, f"--descriptor_set_out={target}"]
    subprocess.run([*command, FOLDER / "open_inference.proto"], check=True)
    fresh, kept = (FileDescriptorSet.FromString(file.read_bytes()) for file in (target, COMPILED))
    assert fresh == kept


KSERVE = """
import sys
from kserve.protocol.grpc import grpc_predict_v2_pb2 as theirs
sys.stdout.buffer.write(theirs.DESCRIPTOR.serialized_pb)
"""
TRITON = """
import sys
from tritonclient.grpc import service_pb2 as theirs
sys.stdout.buffer.write(theirs.DESCRIPTOR.serialized_pb)
"""
OWN = {"RepositoryModelLoad", "RepositoryModelUnload"}
"""Load and unload differ between the two; ours reads both."""


def fields(message):
    """Name, kind and plurality by number, of a message and those inside it."""
    made = {f.number: (f.name, f.type, f.label, f.type_name.rpartition(".")[2]) for f in message.field}
    return made | {inner.name: fields(inner) for inner in message.nested_type}


@pytest.mark.parametrize("code", [pytest.param(KSERVE, id="kserve"), pytest.param(TRITON, id="triton")])
def test_a_field_that_both_know_is_the_same_field(code):
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    raw = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True).stdout
    theirs = FileDescriptorProto.FromString(raw)
    (ours,) = FileDescriptorSet.FromString(COMPILED.read_bytes()).file
    their_methods = {method.name: (method.input_type, method.output_type) for method in theirs.service[0].method}
    for method in ours.service[0].method:
        if method.name in their_methods and method.name not in OWN:
            assert (method.input_type, method.output_type) == their_methods[method.name]
    known = {message.name: fields(message) for message in theirs.message_type}
    shared = [message for message in ours.message_type if message.name in known]
    assert {"ModelInferRequest", "ModelInferResponse", "InferTensorContents"} <= {message.name for message in shared}
    for message in shared:
        _same(fields(message), known[message.name])


def _same(ours, theirs):
    for key in ours.keys() & theirs.keys():
        if isinstance(ours[key], dict):
            _same(ours[key], theirs[key])
        else:
            assert ours[key] == theirs[key]
