"""What holds a rollout, what does not move it, and what people are told meanwhile."""

from __future__ import annotations

import pytest

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_status import Reason as R  # noqa: N817
from scoreops.core.rollout_world import Verb
from scoreops.core.verdict import Outcome
from tests.rollout_operator import Operator, phase
from tests.rollout_world import World, version

GATES = [{"name": "brier"}]
PLAN = {
    "steps": [{"weight": 10, "soakSeconds": 60, "minRequests": 50, "gates": GATES}, 100],
    "guards": [{"name": "slo", "critical": True}],
    "preflight": [{"name": "contract"}],
    "shadow": {"durationSeconds": 60, "gates": [{"name": "paired"}]},
    "bake": {"durationSeconds": 60, "gates": [{"name": "matured"}]},
}


def rollout(until=None, **plan):
    world = World(Plan.model_validate(PLAN | plan)).with_stable()
    world.source = version("17")
    operator = Operator(world)
    if until:
        operator.run(phase(until))
    return operator


def minutes(operator, count):
    """Time passes, look by look."""
    end = operator.world.now.timestamp() + 60 * count
    operator.run(lambda world: world.now.timestamp() >= end)


@pytest.mark.parametrize("away", ["metrics_up", "registry_up"])
@pytest.mark.parametrize(
    "at", [P.IDLE, P.PREFLIGHT, P.SHADOWING, P.PROGRESSING, P.SOAKING, P.JUDGING, P.PROMOTING, P.BAKING, P.COMPLETED]
)
def test_fifteen_minutes_of_outage_hold_the_weight_and_change_nothing_else(away, at):
    operator = rollout()
    while operator.world.status.phase is not at:
        decision = operator.step()
        operator.world.later((decision.again - operator.world.now).total_seconds())
    world = operator.world
    setattr(world, away, False)
    before = (dict(world.weights), world.champion)
    for _ in range(15):
        minutes(operator, 1)
        assert (world.weights, world.champion) == before
        assert world.status.phase not in {P.PAUSED, P.ROLLING_BACK, P.ROLLED_BACK, P.REJECTED}
    setattr(world, away, True)
    operator.run(phase(P.COMPLETED))
    assert world.weights == {"17": 100}
    assert world.champion == "17"


def test_an_outage_that_was_too_long_pauses_and_resumes_by_itself():
    operator = rollout(P.SOAKING)
    operator.world.metrics_up = False
    operator.run(phase(P.PAUSED))
    assert operator.world.status.reason is R.GATE_UNKNOWN
    operator.world.metrics_up = True
    operator.run(phase(P.COMPLETED))


def test_a_step_may_go_on_showing_the_candidate_copies():
    operator = rollout(P.SHADOWING, steps=[{"weight": 10, "mirror": 50, "gates": GATES}, 100])
    world, seen = operator.world, {}
    while world.status.phase is not P.COMPLETED:
        seen.setdefault(world.status.phase, (dict(world.weights), dict(world.mirror)))
        decision = operator.step()
        world.later((decision.again - world.now).total_seconds())
    assert seen[P.SOAKING] == ({"16": 90, "17": 10}, {"17": 50})
    assert seen[P.BAKING] == ({"17": 100}, {})


def test_too_few_samples_say_what_is_missing():
    operator = rollout(P.SOAKING)
    operator.world.gates["brier"] = Outcome.INSUFFICIENT
    operator.run(lambda world: world.status.reason is R.GATE_INSUFFICIENT)
    assert operator.world.status.message == "brier: 812/1377 samples"
    assert operator.world.weights == {"16": 90, "17": 10}


def test_a_failed_version_waits_for_retry_for_another_spec_or_for_a_newer_one():
    operator = rollout(P.SOAKING)
    world = operator.world
    world.gates["slo"] = Outcome.FAIL
    operator.run(phase(P.ROLLED_BACK))
    world.gates.clear()
    minutes(operator, 30)
    assert world.status.attempts == 1
    world.ask(Verb.RETRY)
    operator.run(lambda world: world.status.attempts == 2)
    world.ask(Verb.ABORT)
    operator.run(phase(P.ROLLED_BACK))
    world.generation += 1
    operator.run(lambda world: world.status.attempts == 3)
    world.ask(Verb.ABORT)
    operator.run(phase(P.ROLLED_BACK))
    world.source = version("18")
    operator.run(phase(P.COMPLETED))
    assert [one.outcome for one in world.status.history] == [P.ROLLED_BACK] * 3 + [P.COMPLETED]


def test_a_route_that_somebody_edits_is_put_right_and_told():
    operator = rollout(P.SOAKING)
    operator.world.write_route({"17": 60, "16": 40}, {})
    operator.settle()
    assert operator.world.weights == {"16": 90, "17": 10}
    assert "DriftCorrected" in {notice.reason for notice in operator.world.notices.values()}


def test_an_alias_that_somebody_moved_is_left_alone():
    operator = rollout(P.SOAKING)
    operator.world.champion = "12"
    operator.run(phase(P.BAKING))
    assert operator.world.champion == "12"
    operator.settle()
    said = [notice.message for notice in operator.world.notices.values() if notice.reason == "Promoted"]
    assert said == ["all requests go to version 17; champion was moved to 12 by somebody else and is left there"]


def test_the_aliases_go_back_with_the_traffic():
    operator = rollout()
    operator.world.previous = "14"
    operator.run(phase(P.BAKING))
    assert (operator.world.champion, operator.world.previous) == ("17", "16")
    operator.world.registry_up = False
    operator.world.ask(Verb.ROLLBACK)
    operator.run(phase(P.ROLLED_BACK))
    assert operator.world.weights == {"16": 100}
    operator.world.registry_up = True
    minutes(operator, 2)
    assert (operator.world.champion, operator.world.previous) == ("16", "14")


def test_spec_paused_holds_and_lets_go_where_it_stood():
    operator = rollout(P.SOAKING)
    world = operator.world
    world.plan = world.plan.model_copy(update={"paused": True})
    minutes(operator, 20)
    assert world.status.phase is P.PAUSED
    assert world.weights == {"16": 90, "17": 10}
    world.ask(Verb.RESUME)
    operator.settle()
    assert world.answers["a001"].why == "spec.paused is true"
    world.plan = world.plan.model_copy(update={"paused": False})
    operator.run(phase(P.COMPLETED))


def test_an_invalid_spec_holds_but_rolls_back():
    operator = rollout(P.SOAKING)
    operator.world.plan_valid = False
    minutes(operator, 20)
    assert operator.world.status.reason is R.INVALID_SPEC
    assert operator.world.weights == {"16": 90, "17": 10}
    operator.world.gates["slo"] = Outcome.FAIL
    operator.run(phase(P.ROLLED_BACK))


REFUSED = [
    pytest.param(P.SOAKING, Verb.RESUME, "Soaking is not paused", id="resume what runs"),
    pytest.param(P.SOAKING, Verb.APPROVE, "nothing waits for approval", id="approve too early"),
    pytest.param(P.SOAKING, Verb.RETRY, "Soaking has nothing to retry", id="retry what runs"),
    pytest.param(P.COMPLETED, Verb.RETRY, "version 17 is not blocked", id="retry what succeeded"),
    pytest.param(P.COMPLETED, Verb.ABORT, "Completed has nothing to take back", id="abort what is over"),
    pytest.param(P.COMPLETED, Verb.PAUSE, "Completed cannot be paused", id="pause what is over"),
    pytest.param(P.BAKING, Verb.SKIP_STEP, "Baking has no step to skip", id="skip what has no step"),
]


@pytest.mark.parametrize(("at", "verb", "why"), REFUSED)
def test_an_action_that_makes_no_sense_is_refused_with_a_sentence(at, verb, why):
    operator = rollout(at)
    name = operator.world.ask(verb)
    operator.settle()
    told = operator.world.answers[name]
    assert not told.accepted
    assert told.why.startswith(why)


def test_an_action_for_another_attempt_is_refused():
    operator = rollout(P.SOAKING)
    name = operator.world.ask(Verb.ROLLBACK, attempt="1-7")
    operator.settle()
    assert operator.world.answers[name].why == "it is meant for attempt 1-7"
    assert operator.world.status.phase is P.SOAKING


def test_a_way_back_that_the_cluster_refused_is_tried_again_within_seconds():
    operator = rollout(P.SOAKING)
    world = operator.world
    world.api_up = False
    world.ask(Verb.ROLLBACK)
    minutes(operator, 10)
    assert world.weights == {"16": 90, "17": 10}
    world.api_up = True
    for _ in range(3):
        world.later(1)
        operator.settle()
    assert world.weights == {"16": 100}


def test_a_step_may_go_on_with_copies_which_end_with_it():
    mirrored = {"weight": 10, "mirror": 100, "soakSeconds": 60, "minRequests": 50, "gates": GATES}
    operator = rollout(P.SOAKING, steps=[mirrored, {"weight": 50, "gates": GATES}, 100])
    world = operator.world
    assert (world.weights, world.mirror) == ({"16": 90, "17": 10}, {"17": 100})
    operator.run(lambda world: world.weights.get("17") == 50)
    assert world.mirror == {}
    world.ask(Verb.ROLLBACK)
    operator.run(phase(P.ROLLED_BACK))
    assert (world.weights, world.mirror) == ({"16": 100}, {})


def test_a_rollback_ends_copies():
    mirrored = {"weight": 10, "mirror": 100, "soakSeconds": 60, "minRequests": 50, "gates": GATES}
    operator = rollout(P.SOAKING, steps=[mirrored, 100])
    operator.world.ask(Verb.ROLLBACK)
    operator.run(phase(P.ROLLED_BACK))
    assert operator.world.mirror == {}


def test_a_rollout_of_which_all_is_deleted_lets_go():
    """A namespace that ends takes services and route along, and no new ones; nobody would ever see stable back."""
    operator = rollout(P.SOAKING)
    world = operator.world
    world.deleting, world.pods, world.weights, world.api_up = True, {}, {}, False
    minutes(operator, 5)
    assert not world.gone
    world.all_goes = True
    operator.settle()
    assert world.gone
