"""Rollouts from their first version on, on a real API server."""

from __future__ import annotations

from tests.cluster.operator.rollouts import eventually


def first(rollouts):
    """Version 1 serves everybody, and is champion."""
    rollouts.register()
    rollouts.make()
    process = rollouts.operate()
    rollouts.reach("Completed")
    return process


def test_the_first_version_takes_all_traffic(rollouts):
    first(rollouts)
    eventually(lambda: rollouts.weights == {"1": 100})
    assert rollouts.aliases()["champion"] == 1
    assert rollouts.services == ["trust-v1"]


def test_a_good_candidate_is_promoted(rollouts):
    first(rollouts)
    rollouts.register()
    rollouts.reach("Soaking", "Judging")
    assert rollouts.weights == {"1": 90, "2": 10}
    status = rollouts.reach("Completed")
    assert rollouts.weights == {"2": 100}
    aliases = rollouts.aliases()
    assert (aliases["champion"], aliases["previous"]) == (2, 1)
    eventually(lambda: rollouts.services == ["trust-v2"])
    assert {one["stage"] for one in status["evidence"]} == {"preflight", "step-0"}
    reasons = {reason for reason, _ in rollouts.events()}
    assert {"AttemptStarted", "WeightSet", "StepPassed", "Promoted", "Completed"} <= reasons


def test_a_bad_candidate_goes_back(rollouts):
    first(rollouts)
    rollouts.register()
    rollouts.gate("quality", 1)
    status = rollouts.reach("RolledBack")
    assert rollouts.weights == {"1": 100}
    assert status["history"][-1]["reason"] == "GateFailed"
    assert rollouts.aliases()["champion"] == 1
    eventually(lambda: rollouts.services == ["trust-v1"])
