"""Bodies of the REST door: raw tensor bytes both ways, packed bodies, the first protocol."""

from __future__ import annotations

import gzip
import json
import zlib

import numpy as np
import pytest

from predictors.admission import Limits
from predictors.raw import from_raw, to_raw
from predictors.tensors import DTYPES
from tests.serving import Server
from tests.tiny import COLUMNS, JOINED, tiny_bundle

INFER = "/v2/models/tiny/infer"
SIZE = "Inference-Header-Content-Length"
ROWS = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, np.nan]])


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path, Limits(rows=500, body_bytes=100_000))
    made.put("1", tiny_bundle())
    made.keeper.refresh("tiny")
    yield made
    made.plane.close()


def raw_request(rows=ROWS, size=None, blob=None, **more):
    """JSON and bytes of a request whose features are raw."""
    blob = rows.tobytes() if blob is None else blob
    told = len(blob) if size is None else size
    tensor = {"name": "features", "datatype": "FP64", "shape": list(rows.shape)}
    tensor["parameters"] = {"columns": JOINED, "binary_data_size": told}
    text = json.dumps({"inputs": [tensor], **more}).encode()
    return text + blob, {SIZE: str(len(text))}


def send(server, content, headers):
    return server.ask("POST", INFER, content=content, headers=headers)


def raw_answer(answer):
    """Outputs by name: raw ones as bytes, others as lists."""
    size = int(answer.headers[SIZE])
    made, at, found = json.loads(answer.content[:size]), size, {}
    for output in made["outputs"]:
        raw = output.get("parameters", {}).get("binary_data_size")
        found[output["name"]] = output["data"] if raw is None else answer.content[at : at + raw]
        at += raw or 0
    assert at == len(answer.content)
    return found


def test_raw_features_are_answered_like_json(server):
    answer = send(server, *raw_request())
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["outputs"] == server.infer(((1, 2, 3), (0, 0, None))).json()["outputs"]


def test_outputs_are_raw_where_that_is_asked_for(server):
    outputs = [{"name": "known"}, {"name": "score", "parameters": {"binary_data": True}}]
    found = raw_answer(send(server, *raw_request(outputs=outputs)))
    assert found["known"] == [True, False]
    assert np.frombuffer(found["score"]).tolist() == [321.0, 1000.0]
    everything = raw_answer(send(server, *raw_request(parameters={"binary_data_output": True})))
    assert everything["known"] == b"\1\0"
    assert everything["reasons"] == to_raw(np.array(['[""]', '[""]'], dtype=object))
    but_one = raw_answer(
        send(
            server,
            *raw_request(
                parameters={"binary_data_output": True},
                outputs=[{"name": "known", "parameters": {"binary_data": False}}, {"name": "score"}],
            ),
        )
    )
    assert but_one["known"] == [True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(raw_request(blob=b"x" * 38, size=40), "40 is no number of bytes up to", id="less than told"),
        pytest.param(raw_request(size=8), "data has 1 values, `shape` says [2, 3]", id="shape"),
        pytest.param(raw_request(size=7), "7 bytes are not whole values of FP64", id="half a value"),
        pytest.param(raw_request(size=-1), "-1 is no number of bytes", id="negative"),
        pytest.param(raw_request(size="48"), "48 is no number of bytes", id="text"),
        pytest.param(raw_request(size=True), "True is no number of bytes", id="truth"),
        pytest.param((raw_request()[0] + b"x", raw_request()[1]), "1 bytes follow the last tensor", id="left over"),
        pytest.param(raw_request(parameters={"binary_data_output": 1}), "must be true or false", id="flag"),
        pytest.param(
            raw_request(outputs=[{"name": "score", "parameters": {"classification": 3}}]),
            "classification is not done here",
            id="classification",
        ),
    ],
)
def test_raw_bodies_that_do_not_fit_are_refused_in_words(server, content, said):
    answer = send(server, *content)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize("datatype", DTYPES)
def test_raw_bytes_of_every_datatype_come_back(datatype):
    dtype = DTYPES[datatype]
    flat = np.array(["", "á\0b", "x" * 300], dtype=object) if dtype.kind == "O" else np.array([0, 1, 1], dtype=dtype)
    made = from_raw(to_raw(flat), datatype, [3, 1], "here")
    assert made.dtype == dtype
    assert made.tolist() == flat.reshape(3, 1).tolist()


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed_requests_and_answers(server, name, pack):
    content, headers = raw_request(np.tile(ROWS, (100, 1)))
    answer = send(server, pack(content), headers | {"Content-Encoding": name, "Accept-Encoding": name})
    assert answer.headers["content-encoding"] == name
    assert answer.json()["outputs"][0]["data"] == [321.0, 1000.0] * 100
    assert "content-encoding" not in server.infer().headers  # small answers are not worth it


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        pytest.param(gzip.compress(b" " * 10_000_000), 413, "larger than 100000 bytes", id="a bomb"),
        pytest.param(gzip.compress(b"{}")[:-4], 400, "cut off", id="cut off"),
        pytest.param(gzip.compress(b"{}") + b"x", 400, "something follows", id="a tail"),
    ],
)
def test_packed_bodies_are_unpacked_with_a_limit(server, content, status, said):
    answer = send(server, content, {"Content-Encoding": "gzip"})
    assert (answer.status_code, said in answer.json()["error"]) == (status, True)


def predict(server, **body):
    return server.ask("POST", "/v1/models/tiny:predict", json=body)


def test_the_first_protocol(server):
    rows = [[1, 2, 3], [0, 0, None]]
    made = predict(server, instances=rows, columns=JOINED).json()["predictions"]
    assert [row["score"] for row in made] == [321.0, 1000.0]
    by_name = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    assert predict(server, instances=[dict(reversed(row.items())) for row in by_name]).json()["predictions"] == made
    assert server.ask("GET", "/v1/models").json() == {"models": ["tiny"]}
    assert server.ask("GET", "/v1/models/tiny").json() == {"name": "tiny", "ready": True}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"instances": [[1, 2, 3]]}, "say which columns", id="columns not told"),
        pytest.param({"instances": [[1, 2, 3]], "columns": "b,a,c"}, "2 columns are out of order", id="permuted"),
        pytest.param({"instances": [{"a": 1, "b": 2, "d": 3}]}, "missing c; unknown d", id="renamed"),
        pytest.param({"instances": [{"a": 1, "b": 2, "c": 3}, {"a": 1}]}, "instances[1]: has other", id="uneven"),
        pytest.param({"instances": [[1, 2], [1]], "columns": JOINED}, "different lengths", id="ragged"),
        pytest.param({"instances": []}, "at least one", id="none"),
        pytest.param({"instances": "all"}, "Expected `array`", id="no list"),
    ],
)
def test_the_first_protocol_is_as_strict(server, body, said):
    answer = predict(server, **body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_the_first_protocol_passes_the_trace_on_as_the_second_does(server):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"instances": [[1, 2, 3]], "columns": JOINED}
    answer = server.ask("POST", "/v1/models/tiny:predict", json=body, headers={"traceparent": parent})
    assert answer.headers["traceparent"] == parent


def test_numbers_are_counted_before_they_are_read(server):
    """A list of numbers takes many times its bytes in memory; one that cannot be right is not read."""
    tensor = {"name": "features", "datatype": "FP64", "shape": [2, 3], "data": [1] * 25_000}
    answer = send(server, json.dumps({"inputs": [tensor]}).encode(), {})
    assert answer.json()["error"] == "inputs[0]: data has 25000 values, `shape` says [2, 3]"
    tensor |= {"shape": [501, 3], "data": "whatever"}
    assert "has 501 rows, at most 500" in send(server, json.dumps({"inputs": [tensor]}).encode(), {}).json()["error"]


@pytest.mark.parametrize(
    ("accepted", "packing"),
    [("gzip", "gzip"), ("deflate, GZIP", "gzip"), ("gzip;q=0, deflate", "deflate"), ("br", None), ("gzip; q=0", None)],
)
def test_an_answer_is_packed_as_the_client_takes_it(server, accepted, packing):
    content, headers = raw_request(np.tile(ROWS, (100, 1)))
    answer = send(server, content, headers | {"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == packing
    assert answer.headers.get("vary") == ("accept-encoding" if packing else None)
