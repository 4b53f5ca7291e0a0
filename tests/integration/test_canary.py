"""A canary on one machine: real registry, server and traffic, through the commands that people use."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from scoreops.core.rollout_status import Phase
from scoreops.local.runtime import up
from tests.bundles import misses_its_golden_request, plain_bundle
from tests.delivering import ROOT, open_shop, traffic
from tests.waiting import until

CANARY = ("--canary", "--min-requests", "50", "--json")


@pytest.fixture
def shop(settings, environment, mlflow, prefix, tmp_path):
    with open_shop(settings, environment, prefix, tmp_path / "home") as shop:
        yield shop


def moments(output):
    return [json.loads(line) for line in output.splitlines()]


def weights(seen):
    return [one["weight"]["applied"] for one in seen if "weight" in one]


def test_a_good_candidate_gets_all_requests_and_none_fails(shop):
    with traffic(shop) as found:
        seen = moments(shop.command("models", "promote", shop.model, *CANARY))
    assert weights(seen) == sorted(weights(seen))
    assert set(weights(seen)) == {0, 10, 100}
    assert seen[-1]["phase"] == "Completed"
    assert shop.aliases() == {"champion": 2, "previous": 1, "candidate": 2}
    assert {status for status, _ in found} == {200}
    assert found[200, "2"] > 50
    assert not shop.files.read(shop.model).weights, "the split is over: the champion answers"
    shop.command("models", "rollback", shop.model)
    until(lambda: shop.rollouts.world(shop.model).observe().route.weights == {"1": 100})
    assert "is the champion already" in shop.refusal("models", "promote", shop.model, "1", "--canary", code=5)


def test_a_bundle_that_misses_its_golden_request_never_gets_a_request(settings, environment, mlflow, prefix, tmp_path):
    bundles = (plain_bundle(name=prefix), misses_its_golden_request(plain_bundle((2.0, 2.0, 2.0), prefix)))
    with open_shop(settings, environment, prefix, tmp_path / "home", *bundles) as shop:
        with traffic(shop) as found:
            seen = moments(shop.command("models", "promote", shop.model, *CANARY, code=1))
        assert set(weights(seen)) == {0}
        assert seen[-1]["phase"] == "RolledBack"
        assert "golden request" in seen[-1]["message"]
        assert found.keys() == {(200, "1")}
        assert shop.aliases() == {"champion": 1, "candidate": 2}


def test_a_candidate_that_refuses_requests_is_taken_back_from_its_first_step(
    settings, environment, mlflow, prefix, tmp_path
):
    bundles = (plain_bundle(name=prefix), plain_bundle(name=prefix, columns=("c", "b", "a")))
    with open_shop(settings, environment, prefix, tmp_path / "home", *bundles) as shop:
        with traffic(shop) as found:
            seen = moments(shop.command("models", "promote", shop.model, *CANARY, "--steps", "10,50,100", code=1))
        assert max(weights(seen)) == 10
        assert (seen[-1]["phase"], seen[-1]["reason"]) == ("RolledBack", "GateFailed")
        assert seen[-1]["message"].startswith("slo: errors")
        assert found.keys() == {(200, "1"), (400, "")}
        assert not shop.files.read(shop.model).weights


def test_who_watches_may_leave_and_another_carries_on(shop):
    argv = shop.argv("models", "promote", shop.model, *CANARY, "--soak-s", "3")
    with traffic(shop) as found:
        first = subprocess.Popen(argv, env=shop.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        until(lambda: shop.files.read(shop.model).weights)
        assert "is under way" in shop.refusal("models", "promote", shop.model, "2", code=5)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
        assert first.returncode == 130
        assert shop.files.read(shop.model).weights == {"1": 90, "2": 10}
        seen = moments(shop.command("rollout", "watch", shop.model, "--json"))
    assert seen[-1]["phase"] == "Completed"
    assert {status for status, _ in found} == {200}


def test_actions_work_with_and_without_somebody_who_drives(shop):
    def rollout(verb, code=0):
        return shop.command("rollout", verb, shop.model, "--json", code=code)

    shop.refusal("rollout", "pause", shop.model, code=3)
    argv = shop.argv("models", "promote", shop.model, *CANARY, "--soak-s", "600")
    with traffic(shop) as found:
        driver = subprocess.Popen(argv, env=shop.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
        until(lambda: shop.rollouts.book.models() and shop.status().phase is Phase.SOAKING)
        assert json.loads(rollout("pause"))["phase"] == "Paused"
        assert "is not paused" not in rollout("resume")
        assert json.loads(rollout("status"))["phase"] == "Soaking"
        assert "nothing waits for approval" in shop.refusal("rollout", "approve", shop.model, code=5)
        driver.send_signal(signal.SIGKILL)
        driver.wait(60)
        assert json.loads(rollout("pause"))["phase"] == "Paused"
        assert json.loads(shop.command("models", "rollback", shop.model, "--json")) == {
            "model": shop.model,
            "from": 2,
            "to": 1,
        }
    assert shop.status().phase is Phase.ROLLED_BACK
    assert not shop.files.read(shop.model).weights
    assert json.loads(shop.command("rollout", "list", "--json"))[0]["phase"] == "RolledBack"
    assert {status for status, _ in found} == {200}


def test_the_way_back_needs_no_registry(shop, mlflow):
    argv = shop.argv("models", "promote", shop.model, *CANARY, "--soak-s", "600")
    with traffic(shop) as found:
        driver = subprocess.Popen(argv, env=shop.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            until(lambda: shop.rollouts.book.models() and shop.status().phase is Phase.SOAKING)
            mlflow.kill()
            shop.command("rollout", "rollback", shop.model)
            until(lambda: shop.status().phase is Phase.ROLLED_BACK)
            assert driver.wait(60) == 1
        finally:
            driver.kill()
            up([mlflow])
    assert not shop.files.read(shop.model).weights
    assert {status for status, _ in found} == {200}
