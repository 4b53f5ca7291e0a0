"""A candidate with perfect answers by every measure of a server, and 20 % more log loss, is taken back at 10 %."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
from onnx import helper

from predictors.packing import pack_model
from scoreops.adapters.kafka import ensure_topics
from scoreops.kol.events import INFERENCE_TOPIC, LABELS_TOPIC
from tests.delivering import ROOT, open_shop, traffic
from tests.graphs import DOUBLE, model, value
from tests.integration.test_canary import moments, weights
from tests.shoppers import COLUMNS, value_of
from tests.tiny_server import free_port
from tests.waiting import until

TRUE, WORSE = 1.5, 3.06
"""Slopes of the truth, which stable knows, and of a candidate that is too sure of itself."""
LABELS = 60_000


def logistic(slope, name, tmp_path):
    """A bundle of probability = 1 / (1 + exp(-slope x))."""
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["probability"]),
    ]
    inputs, outputs = [value("features", DOUBLE, ["rows", 3])], [value("probability", DOUBLE, ["rows"])]
    file = tmp_path / f"{slope}.onnx"
    file.write_bytes(model(nodes, inputs, outputs, {"w": np.array([slope, 0.0, 0.0])}))
    return pack_model(file, name, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], COLUMNS)


def probabilities(slope, count=401):
    return 1 / (1 + np.exp(-slope * np.array([value_of(number) for number in range(count)])))


def publish_labels(bootstrap, name):
    """The truth about every request that will come."""
    from confluent_kafka import Producer

    drawn = np.random.default_rng(7).random(LABELS) < probabilities(TRUE, LABELS)
    producer, now = Producer({"bootstrap.servers": bootstrap}), datetime.now(UTC).isoformat()
    for number, label in enumerate(drawn):
        said = {"model": name, "request_id": f"r{number}", "label": int(label), "label_time": now}
        producer.produce(LABELS_TOPIC, json.dumps(said).encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def loss(slope):
    truth, said = probabilities(TRUE), probabilities(slope)
    return -(truth * np.log(said) + (1 - truth) * np.log(1 - said)).mean()


def answers(url):
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def evidence(environment, topics, mlflow, tmp_path):
    """The address of an evidence service that has read its log."""
    port = free_port()
    argv = [sys.executable, "-W", "ignore", "-m", "scoreops", "evidence", "--port", str(port)]
    argv += ["--store", str(tmp_path / "evidence.sqlite")]
    with (tmp_path / "evidence.log").open("w") as log:
        process = subprocess.Popen(argv, env=environment, cwd=ROOT, stderr=log, stdout=log)
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}"))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.slow
def test_more_log_loss_and_perfect_http_is_taken_back_at_ten_percent(settings, environment, evidence, prefix, tmp_path):
    assert loss(WORSE) / loss(TRUE) == pytest.approx(1.2, abs=0.005)
    ensure_topics(settings.kafka_bootstrap, [INFERENCE_TOPIC, LABELS_TOPIC])
    publish_labels(settings.kafka_bootstrap, prefix)
    bundles = (logistic(TRUE, prefix, tmp_path), logistic(WORSE, prefix, tmp_path))
    own = settings.model_copy(update={"evidence": evidence})
    with open_shop(own, environment, prefix, tmp_path / "home", *bundles, options=("--log",)) as shop:
        with traffic(shop) as found:
            asked = ("--canary", "--loss-margin", "0.05", "--error-margin", "0.3", "--json")
            seen = moments(shop.command("models", "promote", shop.model, *asked, code=1))
        assert set(weights(seen)) == {0, 10}
        assert (seen[-1]["phase"], seen[-1]["reason"]) == ("RolledBack", "GateFailed")
        assert seen[-1]["message"].startswith("log-loss: ")
        assert {status for status, _ in found} == {200}
        assert shop.aliases() == {"champion": 1, "candidate": 2}
