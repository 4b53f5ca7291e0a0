"""Gates on a real prediction server, log and registry: shadows judged by labels, contracts, evaluations."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from monitoring.book import StoredBook
from monitoring.following import Follower
from monitoring.store import Store
from scoreops.adapters.bundles import write_folder
from scoreops.adapters.gate_sources import PredictorServers, RegistryShelf
from scoreops.adapters.kafka import FastProducer, ensure_topics
from scoreops.adapters.predictor import PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.core.bundle import MANIFEST, Manifest, digest
from scoreops.core.gates import GateSpec, Registered, Sources, Trial, evaluate
from scoreops.core.verdict import Outcome as O  # noqa: N817
from scoreops.kol.events import INFERENCE_TOPIC, LABELS_TOPIC
from tests.evidence import World, encoded
from tests.gate_world import Shelf
from tests.tiny import COLUMNS, tiny_bundle
from tests.tiny_server import serving
from tests.waiting import until

TOPICS = (INFERENCE_TOPIC, LABELS_TOPIC)


@pytest.fixture
def broker(topics, settings):
    ensure_topics(settings.kafka_bootstrap, TOPICS)
    return settings.kafka_bootstrap


def followed(broker, file):
    """A store that has read all of the log, and its book."""
    store = Store(file)
    follower = Follower(broker, store)
    follower.run(threading.Event(), until_idle=True)
    return StoredBook(store, read_at=lambda: follower.read_at)


SHADOW = {
    "paired": GateSpec.model_validate({"pairedShadow": {}}),
    "contract": GateSpec.model_validate({"contract": {}}),
}


@pytest.mark.parametrize(
    ("overconfidence", "n", "outcome"),
    [
        pytest.param(2.2, 2500, O.FAIL, id="a fifth more log loss, and perfect over HTTP"),
        pytest.param(1.0, 2500, O.PASS, id="as good"),
        pytest.param(2.2, 10, O.INSUFFICIENT, id="ten requests"),
    ],
)
def test_a_shadow_on_a_real_server_is_judged_by_its_labels(broker, tmp_path, overconfidence, n, outcome):
    """Stable gives its second column as its score, the candidate its first: the server holds both, and copies."""
    world, folder = World(n, overconfidence=overconfidence), tmp_path / "bundles"
    candidate = tiny_bundle((1.0, 0.0, 0.0))
    write_folder(candidate, folder / "tiny" / "1")
    write_folder(tiny_bundle((0.0, 1.0, 0.0)), folder / "tiny" / "2")
    since = datetime.now(UTC)
    with serving(folder, tmp_path / "log", kafka=broker, shadows=["tiny=previous"]) as server:
        client = PredictorClient(f"http://127.0.0.1:{server.port}")
        for name, p1, p2 in zip(world.names, world.scores["2"], world.scores["1"], strict=True):
            client.infer("tiny", np.array([[p1, p2, 0.0]]), COLUMNS, outputs=["score"], request_id=name)
        copies = settled(server, n)
        manifest = Manifest.model_validate_json(candidate[MANIFEST])
        sources = Sources(
            evidence=labelled(broker, world, tmp_path),
            registry=Shelf({"1": Registered(manifest, digest(candidate), {}, 0)}),
            server=PredictorServers(lambda model, version: f"http://127.0.0.1:{server.port}"),
        )
        trial = Trial("t", "step-0", "tiny", "1", "2", since, 10)
        requests = server.metric('predictor_requests_total{model="tiny",outcome="ok",version="1"')
        found = {one.gate: one for one in evaluate(SHADOW, trial, sources, datetime.now(UTC))}
        assert server.metric('predictor_requests_total{model="tiny",outcome="ok",version="1"') == requests
        assert server.metric('predictor_requests_total{model="tiny",outcome="error"') == 0
    assert found["contract"].outcome is O.PASS, found["contract"]
    assert found["paired"].outcome is outcome, found["paired"]
    assert found["paired"].n == copies > n * 0.8


def settled(server, n):
    """How many copies were answered, once no more will be and the log has them all."""

    def copied(outcome):
        return server.metric(f'predictor_shadow_total{{model="tiny",outcome="{outcome}",version="1"}}')

    until(lambda: copied("ok") + copied("dropped") == n)
    until(lambda: server.metric('predictor_inference_log_total{stage="sent"}') == n + copied("ok"))
    return copied("ok")


def labelled(broker, world, tmp_path):
    producer = FastProducer(broker)
    for place, raw in enumerate(encoded(world.told())):
        producer.send(LABELS_TOPIC, str(place).encode(), raw.replace(b'"model": "m"', b'"model": "tiny"'))
    producer.flush()
    return followed(broker, tmp_path / "e.sqlite")


def test_a_server_that_serves_something_else_breaks_its_contract(tmp_path):
    registered = tiny_bundle((1.0, 0.0, 0.0))
    write_folder(tiny_bundle((1.0, 0.0, 0.1)), tmp_path / "bundles" / "tiny" / "1")
    manifest = Manifest.model_validate_json(registered[MANIFEST])
    shelf = Shelf({"1": Registered(manifest, digest(registered), {}, 0)})
    trial = Trial("t", "shadow", "tiny", "1", None, datetime.now(UTC))
    gates = {"contract": SHADOW["contract"]}
    with serving(tmp_path / "bundles", tmp_path / "log") as server:
        url = f"http://127.0.0.1:{server.port}"
        sources = Sources(registry=shelf, server=PredictorServers(lambda model, version: url))
        (found,) = evaluate(gates, trial, sources, datetime.now(UTC))
        assert (found.outcome, "digest" in found.reason) == (O.FAIL, True)
    (found,) = evaluate(gates, trial, sources, datetime.now(UTC))
    assert (found.outcome, "no prediction server answers" in found.reason) == (O.UNKNOWN, True)


def test_the_evaluation_is_read_from_the_registry(settings, mlflow, tmp_path):
    registry = Registry(settings.mlflow_url, timeout_s=5.0)
    metrics = {"brier": 0.2, "champion_brier": 0.15, "evaluated_rows": 80}
    made = registry.register(tiny_bundle(name="tiny-gates"), metrics=metrics, verdicts=[])
    shelf = RegistryShelf(registry)
    found = shelf.registered("tiny-gates", str(made.number))
    assert (found.rows, found.metrics, found.digest) == (80, metrics, made.digest)
    gates = {"offline": GateSpec.model_validate({"offlineEval": {"metric": "brier", "mayLose": 0.01}})}
    trial = Trial("t", "preflight", "tiny-gates", str(made.number), "1", datetime.now(UTC))
    assert evaluate(gates, trial, Sources(registry=shelf), datetime.now(UTC))[0].outcome is O.FAIL
    mlflow.kill()
    try:
        away = Sources(registry=RegistryShelf(registry))
        (found,) = evaluate(gates, trial, away, datetime.now(UTC))
        assert (found.outcome, "MLflow does not answer" in found.reason) == (O.UNKNOWN, True)
    finally:
        mlflow.start()
        mlflow.wait()
