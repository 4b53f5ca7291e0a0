"""The operator in its own pods delivers models in real ones, and every request through the gateway is counted."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from cluster import prometheus
from tests.bundles import misses_its_golden_request
from tests.cluster.clusters import eventually, without
from tests.cluster.shop import NAME, SOAKING, bundle, traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def copies(cluster, model, version):
    """How many copies a version has answered."""
    query = f'predictor_shadow_total{{model="{model}",version="{version}"}}'
    answer = httpx.get(f"{prometheus.url(cluster.place)}/api/v1/query", params={"query": query}).json()
    return sum(float(one["value"][1]) for one in answer["data"]["result"])


def test_a_good_candidate_takes_a_tenth_and_then_all(shop):
    steps = [{"weight": 10, "minRequests": 100, "gates": [{"name": "contract"}]}, {"weight": 100}]
    shop.open(bundle(shop), steps=steps)
    with traffic(shop) as found:
        shop.put(bundle(shop, 2.0))
        eventually(lambda: shop.weights == {"1": 90, "2": 10}, 300)
        found.clear()
        eventually(lambda: shop.weights == {"2": 100}, 300)
        share = found[200, "2"] / found.total()
        shop.reach("Completed")
    assert {status for status, _ in found} == {200}
    assert found.total() > 300
    assert 0.04 < share < 0.2
    print(f"at 10 %: {share:.1%} of the answers were the candidate's; {found.total()} requests, none failed")  # noqa: T201
    assert shop.registry.aliases(shop.namespace) == {"champion": 2, "previous": 1, "candidate": 2}


def test_a_candidate_that_refuses_requests_is_taken_back(shop):
    shop.open(bundle(shop))
    with traffic(shop) as found:
        shop.put(bundle(shop, columns=("c", "b", "a")))
        status = shop.reach("RolledBack")
        eventually(lambda: shop.weights == {"1": 100})
    assert status["history"][-1]["reason"] == "GateFailed"
    assert "slo: errors" in status["message"]
    assert found.keys() == {(200, "1"), (400, "")}
    assert shop.registry.aliases(shop.namespace)["champion"] == 1


def test_a_candidate_that_never_turns_ready_gets_no_request(shop):
    shop.open(bundle(shop), progressDeadlineSeconds=20)
    with traffic(shop) as found:
        shop.put(misses_its_golden_request(bundle(shop, 2.0)))
        shop.reach("RolledBack")
    assert found.keys() == {(200, "1")}


def test_a_rollback_from_the_command_line_needs_kubernetes_alone(shop, beside):
    shop.open(bundle(shop), **SOAKING)
    with traffic(shop) as found:
        shop.put(bundle(shop, 2.0))
        eventually(lambda: shop.weights == {"1": 90, "2": 10}, 300)
        eventually(lambda: found[200, "2"])
        with without(*beside[0].values()):
            began = time.monotonic()
            shop.act("Rollback")
            eventually(lambda: shop.weights == {"1": 100}, 5.0)
            print(f"route at 100 % stable after {time.monotonic() - began:.2f} s")  # noqa: T201 - for the report
            shop.reach("RolledBack")
    assert {status for status, _ in found} == {200}


def test_the_command_line_shows_and_moves_a_rollout(shop):
    shop.open(bundle(shop), **SOAKING)
    with traffic(shop):
        shop.put(bundle(shop, 2.0))
        eventually(lambda: shop.weights == {"1": 90, "2": 10}, 300)
        assert json.loads(shop.command("pause", NAME, "--json"))["phase"] == "Paused"
        assert "Paused" in shop.command("list")
        shop.command("resume", NAME)
        assert json.loads(shop.command("status", NAME, "--json"))["weight"]["applied"] == 10
        shop.command("skip", NAME, "--reason", "it has been seen enough")
        moments = [json.loads(line) for line in shop.command("watch", NAME, "--json").splitlines()]
    assert moments[-1]["phase"] == "Completed"
    assert shop.weights == {"2": 100}
    assert shop.command("approve", NAME, code=5) == ""


def test_copies_go_to_a_candidate_that_answers_nobody(shop):
    shadow = {"percent": 100, "durationSeconds": 5, "gates": [{"name": "contract"}]}
    shop.open(bundle(shop), shadow=shadow, **SOAKING)
    with traffic(shop) as found:
        shop.put(bundle(shop, 2.0))
        shop.reach("Shadowing")
        eventually(lambda: copies(shop.cluster, shop.namespace, "2") > 20)
        assert found.keys() == {(200, "1")}
        shop.reach("Soaking")
        eventually(lambda: found[200, "2"])
    assert {status for status, _ in found} == {200}
