"""Triton's and KServe's own clients against our server: they get what their own servers would give them."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from bench.rivals.servers import HOST, ROOT
from tests.conformance.clients.given import AS_OF, GIVEN, MANY, TINY, shown
from tests.tiny import JOINED, SCHEMA

WAYS = {
    "triton": [("http", "binary"), ("http", "plain"), ("grpc", "binary")],
    "kserve_sdk": [("http", "binary"), ("http", "plain"), ("grpc", "binary"), ("grpc", "plain")],
}
"""Door and form of the tensors of each client."""
TRITON = [("triton", *way) for way in WAYS["triton"]]
KSERVE = [("kserve_sdk", *way) for way in WAYS["kserve_sdk"]]
BAD, UNKNOWN = "bad input", "not found"
STATUSES = {
    "400": BAD,
    "StatusCode.INVALID_ARGUMENT": BAD,
    "404": UNKNOWN,
    "StatusCode.NOT_FOUND": UNKNOWN,
    "StatusCode.UNIMPLEMENTED": UNKNOWN,
}
MEANT = {"model_version": "1", "alias": "champion"}
"""Parameters of an answer that say who gave it."""
REFUSALS = {
    "unknown model": (UNKNOWN, "no model 'other'; this server is for echo, tiny"),
    "unknown version": (UNKNOWN, "echo has no version '9' here; it has 1"),
    "unknown output": (BAD, "outputs: 'beauty' is no output of echo; it gives fp32, fp64, int64, bool, bytes"),
    "missing input": (BAD, "fp32: this input is missing"),
    "unknown input": (BAD, "extra: is no input of echo; it takes fp32, fp64, int64, bool, bytes"),
    "wrong datatype": (BAD, "fp64: datatype is FP32, expected FP64"),
    "wrong shape": (BAD, "fp32: shape is [2, 3], expected [-1, 2] (-1: any number)"),
    "wrong rank": (BAD, "fp32: shape is [6], expected [-1, 2] (-1: any number)"),
    "rows differ": (BAD, "int64: has 2 rows, another input has 3"),
    "not UTF-8": (BAD, "inputs[4]: element 0 is not UTF-8"),
}


class Seen:
    """What one client saw."""

    def __init__(self, client, door, form, cases):
        self.client, self.door, self.form, self.cases = client, door, form, cases

    @property
    def knows_versions(self):
        """KServe's REST client never asks for a version, and does not show which one answered."""
        return (self.client, self.door) != ("kserve_sdk", "http")

    def refusal(self, case):
        found = self.cases[case]
        return STATUSES.get(found["status"], found["status"]), found["error"]


@pytest.fixture(scope="session")
def look(echo):
    """What a client saw in one of its ways; each client is one process that goes all its ways."""

    @cache
    def run(client):
        ports = {"http": echo.http, "grpc": echo.grpc}
        asked = [(door, f"{HOST}:{ports[door]}", form) for door, form in WAYS[client]]
        argv = [sys.executable, "-W", "ignore", "-m", f"tests.conformance.clients.{client}", json.dumps(asked)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return dict(zip(WAYS[client], json.loads(done.stdout), strict=True))

    return lambda client, *way: Seen(client, *way, run(client)[way])


@pytest.fixture(params=TRITON + KSERVE, ids="-".join)
def seen(request, look):
    return look(*request.param)


@pytest.fixture(params=TRITON, ids="-".join)
def triton(request, look):
    """Only Triton's client, which has calls that KServe's lacks."""
    return look(*request.param)


def test_it_is_alive_and_ready(seen):
    asked = ["live", "ready", "model ready", *(["version ready"] if seen.client == "triton" else [])]
    assert {name: seen.cases[name] for name in asked} == dict.fromkeys(asked, True)


def test_every_datatype_comes_back_as_it_went(seen):
    assert seen.cases["all types"]["values"] == {name: shown(data) for name, data in GIVEN.items()}
    assert seen.cases["all types"]["parameters"] == MEANT


def test_an_input_that_may_be_left_out_may_be(seen):
    assert seen.cases["an optional input"]["values"] == {"bytes": ["O", [3], ["x", "x", "x"]]}


def test_only_the_outputs_that_were_asked_for_come_and_in_that_order(seen):
    found = seen.cases["two outputs"]["values"]
    assert list(found.items()) == [(name, shown(GIVEN[name])) for name in ("int64", "bytes")]


def test_the_id_is_echoed(seen):
    assert seen.cases["id"]["id"] == "q-1"


def test_parameters_say_who_answered_and_when_it_stood(seen):
    assert seen.cases["parameters"]["parameters"] == MEANT | AS_OF


def test_a_version_can_be_asked_for(seen):
    found = seen.cases["old version"]
    version, factor = ("1", 1.0) if seen.knows_versions else ("2", 2.0)
    a, b, c = TINY["features"][0]
    assert found["values"] == {"score": ["f", [1], [factor * (a + 10 * b + 100 * c)]]}
    assert found["parameters"]["model_version"] == version
    assert found["version"] == (version if seen.knows_versions else None)


def test_what_does_not_fit_is_refused_in_words(seen):
    asked = [case for case in REFUSALS if case in seen.cases and (seen.knows_versions or case != "unknown version")]
    assert {case: seen.refusal(case) for case in asked} == {case: REFUSALS[case] for case in asked}


def test_many_rows_come_back_packed_or_not(seen):
    asked = ["gzip", "deflate"] if seen.client == "triton" else ["many rows"]
    assert [seen.cases[case]["values"] for case in asked] == [{"fp32": shown(MANY["fp32"])}] * len(asked)


def test_metadata_say_what_to_send(triton):
    found = triton.cases["metadata"]
    assert (found["name"], found["versions"]) == ("tiny", ["1", "2"])
    inputs = [(one["name"], one["datatype"], [int(size) for size in one["shape"]]) for one in found["inputs"]]
    assert inputs == [("features", "FP64", [-1, 3]), ("notes", "BYTES", [-1])]
    assert [one["name"] for one in found["outputs"]] == ["score", "known", "reasons"]
    if triton.door == "http":  # its messages have no properties
        assert (found["properties"]["columns"], found["properties"]["schema_hash"]) == (JOINED, SCHEMA.hash)
    assert triton.refusal("unknown metadata") == REFUSALS["unknown model"]


def test_the_server_says_what_it_can(triton):
    assert triton.cases["server"]["name"] == "scoreops"
    assert triton.cases["server"]["extensions"] == ["model_repository", "binary_tensor_data"]
    index = triton.cases["index"] if triton.door == "http" else triton.cases["index"]["models"]
    states = [(one["name"], one["version"], one["state"]) for one in index]
    assert states == [("echo", "1", "READY"), ("tiny", "1", "READY"), ("tiny", "2", "READY")]
    assert [triton.refusal(case)[0] for case in ("statistics", "shared memory")] == [UNKNOWN, UNKNOWN]
