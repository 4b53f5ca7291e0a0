from __future__ import annotations

import httpx
import pytest

from scoreops.adapters.kafka import FastProducer, ensure_topics
from scoreops.adapters.kafka_log import read_all


@pytest.mark.usefixtures("kafka")
def test_kafka_keeps_what_it_acknowledged_over_a_crash(settings, kafka, topics, prefix):
    ensure_topics(settings.kafka_bootstrap, [prefix])
    producer = FastProducer(settings.kafka_bootstrap)
    for n in range(100):
        producer.send(prefix, b"k", str(n).encode())
    producer.flush()
    kafka.kill()
    kafka.start()
    kafka.wait()
    assert [int(r.value) for r in read_all(settings.kafka_bootstrap, prefix)] == list(range(100))


def test_valkey_keeps_what_it_acknowledged_over_a_stop(redis_client, valkey):
    redis_client.set("k", "v")
    valkey.stop()
    valkey.start()
    valkey.wait()
    assert redis_client.get("k") == b"v"


def test_mlflow_answers(settings, mlflow):
    assert mlflow.process() is not None
    answer = httpx.get(f"{settings.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=5")
    assert "Default" in [e["name"] for e in answer.json()["experiments"]]
