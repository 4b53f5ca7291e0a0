"""The v2 server over a folder of bundles, spoken to within the process: answers, errors, swaps and refusals."""

from __future__ import annotations

import pytest

from scoreops.core.errors import NotFound
from tests.serving import KEY, Server
from tests.tiny import JOINED, tiny_bundle


@pytest.fixture
def empty(tmp_path):
    server = Server(tmp_path)
    yield server
    server.plane.close()


@pytest.fixture
def server(empty):
    empty.put("1", tiny_bundle())
    empty.keeper.refresh("tiny")
    return empty


def test_an_answer_names_the_version_that_gave_it(server):
    answer = server.infer(((1, 2, 3), (0, 0, None)), id="q1", parameters=None)
    assert answer.status_code == 200
    made = answer.json()
    assert (made["model_name"], made["model_version"], made["id"]) == ("tiny", "1", "q1")
    assert made["parameters"] == {"model_version": "1", "alias": "champion"}
    outputs = {output["name"]: output["data"] for output in made["outputs"]}
    assert outputs["score"] == [321.0, 1000.0]
    assert outputs["known"] == [True, False]


def test_what_was_true_when_is_echoed(server):
    now = "2026-03-01T10:00:00Z"
    assert "as_of" not in server.infer().json()["parameters"]
    assert server.infer(asked={"as_of": now}).json()["parameters"]["as_of"] == now


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        pytest.param({"parameters": {"columns": "b,a,c"}}, 400, "2 columns are out of order", id="permuted columns"),
        pytest.param({"parameters": {}}, 400, "say which columns", id="columns not told"),
        pytest.param({"rows": [(1, 2)]}, 400, "shape is [1, 2]", id="a column short"),
        pytest.param({"rows": [(1, 2, 3)] * 6}, 400, "6 rows, at most 5", id="too many rows"),
        pytest.param({"rows": [(1.0, 2.0, 3.0)] * 400}, 413, "larger than 2000 bytes", id="too long"),
        pytest.param({"path": "/v2/models/other/infer"}, 404, "no model 'other'", id="unknown model"),
        pytest.param({"path": "/v2/models/tiny/versions/9/infer"}, 404, "has no version '9'", id="unknown version"),
        pytest.param({"id": "x" * 257}, 400, "id: has 257 characters, at most 256", id="too long a name"),
        pytest.param({"outputs": [{"name": "beauty"}]}, 400, "'beauty' is no output", id="unknown output"),
    ],
)
def test_errors_have_the_body_of_the_protocol(server, given, status, said):
    answer = server.infer(**given)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/health/live", 200),
        ("GET", "/v2/health/ready", 200),
        ("HEAD", "/v2/health/ready", 200),
        ("GET", "/v2/models/tiny/ready", 200),
        ("GET", "/v2/models/tiny/versions/champion", 200),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", "/v2/models/tiny/infer", 405),
        ("GET", "/v3", 404),
        ("POST", "/v2/repository/index", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_routes(server, method, path, status):
    assert server.ask(method, path).status_code == status


def test_metadata_tell_a_client_how_to_ask(server):
    made = server.ask("GET", "/v2/models/tiny").json()
    assert made["inputs"][0] == {"name": "features", "datatype": "FP64", "shape": [-1, 3]}
    assert made["properties"]["columns"] == JOINED
    assert server.infer(parameters={"schema_hash": made["properties"]["schema_hash"]}).status_code == 200
    about = {"name": "scoreops", "version": "1.2", "extensions": ["model_repository", "binary_tensor_data"]}
    assert server.ask("GET", "/v2").json() == about


def test_before_there_is_a_champion_it_is_alive_but_not_ready(empty):
    assert empty.ask("GET", "/v2/health/live").status_code == 200
    assert empty.ask("GET", "/v2/health/ready").status_code == 503
    empty.keeper.refresh("tiny")
    answer = empty.infer()
    assert answer.status_code == 503
    assert "holds no bundle of tiny" in answer.json()["error"]


def test_a_new_version_answers_and_the_old_one_stays_at_hand(server):
    server.put("2", tiny_bundle((2.0, 20.0, 200.0)))
    server.keeper.refresh("tiny")
    assert server.score() == [642.0]
    assert server.score("/v2/models/tiny/versions/previous/infer") == [321.0]
    assert server.score("/v2/models/tiny/versions/1/infer") == [321.0]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(tiny_bundle(columns=("b", "a", "c")), "out of order", id="permuted columns"),
        pytest.param(tiny_bundle(golden_shift=1.0), "golden request", id="a golden answer is missed"),
        pytest.param(tiny_bundle() | {"model.onnx": b"x"}, "not those that were registered", id="a flipped bit"),
    ],
)
def test_a_bad_version_never_answers_and_the_one_before_goes_on(server, files, said):
    server.put("2", files)
    line = server.keeper.refresh("tiny")
    assert said in line.problem
    assert server.score() == [321.0]
    assert said in server.score("/v2/models/tiny/versions/2/infer")
    index = server.ask("POST", "/v2/repository/index", json={}).json()
    assert [(entry["version"], entry["state"]) for entry in index] == [("1", "READY"), ("2", "UNAVAILABLE")]
    ready = server.ask("POST", "/v2/repository/index", json={"ready": True}).json()
    assert [entry["version"] for entry in ready] == ["1"]
    assert (
        'predictor_model_loads_total{model="tiny",outcome="refused",version="2"} 1.0'
        in server.metrics.render().decode()
    )


def test_a_refused_version_is_tried_again_only_on_request(server):
    server.put("2", tiny_bundle(golden_shift=1.0))
    server.keeper.refresh("tiny")
    server.put("2", tiny_bundle((2.0, 20.0, 200.0)))
    server.keeper.refresh("tiny")
    assert server.score() == [321.0]
    server.keeper.refresh("tiny", again=True)
    assert server.score() == [642.0]


def test_unloading_and_loading_want_the_key(server):
    for verb in ("unload", "load"):
        path = f"/v2/repository/models/tiny/{verb}"
        assert server.ask("POST", path).status_code == 401
        assert server.ask("POST", path, headers={"X-API-Key": "guess"}).status_code == 401
        assert server.ask("POST", path, headers=KEY).status_code == 200
        server.keeper.refresh("tiny")  # the watch leaves alone what was unloaded
        assert (server.infer().status_code == 200) == (verb == "load")
        assert server.ask("GET", "/v2/health/ready").status_code == 200  # for the other models' sake
    with pytest.raises(NotFound):
        server.keeper.unload("other")


def test_a_load_that_is_refused_says_why(server):
    server.put("2", tiny_bundle(golden_shift=1.0))
    answer = server.ask("POST", "/v2/repository/models/tiny/load", headers=KEY)
    assert answer.status_code == 409
    assert "golden request" in answer.json()["error"]


def test_requests_are_counted_by_version_and_outcome(server):
    server.infer()
    server.infer(rows=[(1, 2)])
    said = server.metrics.render().decode()
    for outcome in ("ok", "error"):
        assert f'predictor_requests_total{{model="tiny",outcome="{outcome}",version="1"}} 1.0' in said
    assert 'predictor_http_errors_total{status="400"} 1.0' in said
    assert 'predictor_model_ready{alias="champion",model="tiny",version="1"} 1.0' in said


def test_a_server_that_stops_says_so_and_still_answers(server):
    server.plane.draining = True
    answer = server.ask("GET", "/v2/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"error": "not ready: the server is stopping"})
    assert server.score() == [321.0]
    assert server.infer().headers["connection"] == "close"


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        pytest.param(
            {"Inference-Header-Content-Length": "3"}, 400, "JSON shall have 3 bytes, the body has 2", id="size"
        ),
        pytest.param({"Inference-Header-Content-Length": "-1"}, 400, "'-1' is no number of bytes", id="negative"),
        pytest.param({"Content-Encoding": "gzip"}, 400, "cannot be unpacked", id="not packed"),
        pytest.param({"Content-Encoding": "br"}, 415, "gzip and deflate are", id="unknown packing"),
    ],
)
def test_bodies_that_cannot_be_read_are_refused_in_words(server, headers, status, said):
    answer = server.ask("POST", "/v2/models/tiny/infer", content=b"{}", headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["error"]
