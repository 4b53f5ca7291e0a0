"""The inference log on a real broker: every answer once, pairs of a shadow, and a broker that dies under load."""

from __future__ import annotations

import asyncio
import hashlib
import json

import numpy as np
import pytest

from predictors.inference_log import InferenceLog
from predictors.lineup import Entry
from predictors.metrics import Metrics
from predictors.served import Question, Served
from predictors.tensors import InferResponse, Tensor
from scoreops.adapters.bundles import write_folder
from scoreops.adapters.kafka import BestEffortProducer, ensure_topics
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.split_file import SplitFiles
from scoreops.core.spec import Schema
from scoreops.kol.events import INFERENCE_TOPIC
from tests.load import body_of, closed_loop, request_of
from tests.tiny import JOINED, tiny_bundle
from tests.tiny_server import serving
from tests.waiting import until

ROWS = [[1.0, 2.0, 3.0]]
REQUEST = request_of(body_of(ROWS))
TIMES_SLOWER = 4.0


@pytest.fixture
def folder(tmp_path):
    write_folder(tiny_bundle(), tmp_path / "bundles" / "tiny" / "1")
    return tmp_path / "bundles"


@pytest.fixture
def broker(topics, settings):
    ensure_topics(settings.kafka_bootstrap, [INFERENCE_TOPIC])
    return settings.kafka_bootstrap


def logged(broker):
    return [json.loads(line) for record in read_all(broker, INFERENCE_TOPIC) for line in record.value.splitlines()]


def load(server, count, request=REQUEST):
    """Answers to so many requests of eight clients."""
    left = iter(range(count))
    answers = asyncio.run(closed_loop((server.port,), request, 8, lambda: next(left, None) is None))
    assert {answer.status for answer in answers} == {200}
    return answers


def stage(server, name):
    return server.metric(f'predictor_inference_log_total{{stage="{name}"}}')


def test_every_answer_is_on_the_log_once(folder, broker, tmp_path):
    with serving(folder, tmp_path / "log", kafka=broker) as server:
        answers = load(server, 5_000)
        until(lambda: stage(server, "sent") == stage(server, "in") == len(answers))
        assert stage(server, "dropped") == 0
        more = load(server, 50)  # a stop writes what is still queued
        assert server.terminate() == 0
    found = logged(broker)
    given = [json.loads(answer.body) for answer in (*answers, *more)]
    assert sorted(row["request_id"] for row in found) == sorted(answer["id"] for answer in given)
    row = found[0]
    assert (row["model"], row["version"], row["alias"]) == ("tiny", "1", "champion")
    assert row["inputs"] == {"features": ROWS}
    assert row["outputs"] == {"score": [321.0]}


def test_many_rows_take_several_lines_and_inputs_may_be_digests(folder, broker, tmp_path):
    values = np.arange(1_200 * 3, dtype=np.float64).reshape(-1, 3)
    with serving(folder, tmp_path / "log", kafka=broker, log_detail="hash") as server:
        load(server, 1, request_of(body_of(values)))
        assert server.terminate() == 0
    found = sorted(logged(broker), key=lambda row: row["first_row"])
    assert [(row["first_row"], len(row["outputs"]["score"])) for row in found] == [(0, 500), (500, 500), (1_000, 200)]
    assert len({row["request_id"] for row in found}) == 1
    assert found[1]["inputs"] == {"features": hashlib.sha256(values[500:1_000].tobytes()).hexdigest()}


def test_texts_are_never_written(folder, broker, tmp_path):
    features = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [1, 2, 3]}
    features["parameters"] = {"columns": JOINED}
    notes = {"name": "notes", "datatype": "BYTES", "shape": [1], "data": ["call me on 0901 234 567"]}
    request = request_of(json.dumps({"inputs": [features, notes], "outputs": [{"name": "score"}]}).encode())
    with serving(folder, tmp_path / "log", kafka=broker) as server:
        load(server, 1, request)
        assert server.terminate() == 0
    (record,) = read_all(broker, INFERENCE_TOPIC)
    assert b"0901" not in record.value
    assert len(json.loads(record.value)["inputs"]["notes"]) == 64


def test_a_split_starts_and_ends_a_mirror_while_the_server_runs(folder, broker, tmp_path):
    write_folder(tiny_bundle((2.0, 20.0, 200.0)), folder / "tiny" / "2")
    files = SplitFiles(tmp_path / "splits")
    with serving(folder, tmp_path / "log", kafka=broker, splits=str(files.folder)) as server:
        load(server, 50)
        files.write("tiny", lambda split: split.routing("2", {"2": 100}, {"1": 100}))
        until(lambda: '"mirror":"1=100"' in server.get("/v2/models/tiny")[1])
        answers = load(server, 50)
        files.write("tiny", lambda split: split.routing("2", {"2": 100}, {}))
        until(lambda: "mirror" not in server.get("/v2/models/tiny")[1])
        load(server, 50)
        assert server.terminate() == 0
    shadows = [row for row in logged(broker) if "shadow_of" in row]
    assert {row["request_id"] for row in shadows} == {json.loads(answer.body)["id"] for answer in answers}
    assert {(row["version"], row["shadow_of"]) for row in shadows} == {("1", "2")}


def test_a_shadow_answers_on_the_log_alone_and_its_pairs_can_be_found(folder, broker, tmp_path):
    write_folder(tiny_bundle((2.0, 20.0, 200.0)), folder / "tiny" / "2")
    with serving(folder, tmp_path / "log", kafka=broker, shadows=["tiny=previous:0.5"]) as server:
        answers = load(server, 400)
        assert {json.loads(answer.body)["outputs"][0]["data"][0] for answer in answers} == {642.0}
        assert server.terminate() == 0
    found = logged(broker)
    given = {row["request_id"]: row for row in found if "shadow_of" not in row}
    shadows = {row["request_id"]: row for row in found if "shadow_of" in row}
    assert len(given) == len(answers)
    assert len(answers) * 0.3 < len(shadows) < len(answers) * 0.7
    assert shadows.keys() <= given.keys()
    assert {(row["version"], row["shadow_of"], row["outputs"]["score"][0]) for row in shadows.values()} == {
        ("1", "2", 321.0)
    }


def test_a_shadow_that_is_not_loaded_is_counted(folder, broker, tmp_path):
    with serving(folder, tmp_path / "log", kafka=broker, shadows=["tiny=9"]) as server:
        load(server, 3)
        assert server.metric('predictor_shadow_total{model="tiny",outcome="missing",version="9"}') == 3


@pytest.mark.alone
def test_a_broker_that_dies_slows_no_answer_and_loses_none_while_the_queue_has_room(folder, broker, kafka, tmp_path):
    with serving(folder, tmp_path / "log", kafka=broker) as server:
        well = load(server, 2_000)
        kafka.kill()
        without = load(server, 2_000)
        kafka.start()
        kafka.wait()
        until(lambda: stage(server, "sent") + stage(server, "dropped") == stage(server, "in") > 0)
        assert (stage(server, "in"), stage(server, "dropped")) == (len(well) + len(without), 0)
    usual, slowest = (np.median([answer.seconds for answer in answers]) for answers in (well, without))
    assert slowest < TIMES_SLOWER * usual


@pytest.mark.parametrize(
    ("rows", "columns", "lines"),
    [
        pytest.param(500, 3, 1, id="as many rows as a line has"),
        pytest.param(501, 3, 2, id="one more"),
        pytest.param(500, 120, 2, id="many columns"),
        pytest.param(100, 784, 2, id="pictures"),
        pytest.param(1, 60_000, 1, id="a row that is too large by itself"),
    ],
)
def test_no_line_of_several_rows_is_too_large_for_the_log(rows, columns, lines):
    metrics = Metrics()
    journal = InferenceLog(BestEffortProducer("127.0.0.1:1"), metrics)
    names = tuple(map(str, range(columns)))
    served = Served("wide", "1", "", (), (), Schema(names), lambda inputs, parameters: {})
    features = np.random.default_rng(1).random((rows, columns))
    response = InferResponse("wide", "1", [Tensor("score", "FP64", features[:, 0])], "q-1", {})
    journal.note(Entry(served, "champion"), Question({"features": features}, rows, ("score",), {}), response)
    journal.poll()
    said = metrics.render().decode()
    assert f'predictor_inference_log_total{{stage="in"}} {lines}.0' in said
    assert f'predictor_inference_log_total{{stage="dropped"}} {float(columns == 60_000)}' in said
    journal.close(0)


def test_a_full_queue_takes_no_more_and_says_so_at_once():
    producer = BestEffortProducer("127.0.0.1:1")
    taken = sum(producer.offer("nowhere", b"x", 2) for _ in range(60_000))
    assert taken == 50_000
    assert producer.settled() == (0, 0)
    producer.close(0.1)
    assert producer.settled() == (0, 2 * taken)
