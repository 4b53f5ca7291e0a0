"""A clock that is set back, or another replica's that is behind, holds up neither a way back nor the questions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_world import Verb
from scoreops.core.verdict import Outcome
from tests.rollout_operator import phase
from tests.unit.core.test_rollout_holds import GATES, minutes, rollout

BACK_S = 600


def soaking():
    """Half an hour into a step of an hour; then it is ten minutes earlier."""
    operator = rollout(P.SOAKING, steps=[{"weight": 10, "soakSeconds": 3600, "minRequests": 50, "gates": GATES}, 100])
    minutes(operator, 30)
    return operator


def set_back(world):
    world.later(-BACK_S)
    world.live_at = min(world.live_at, world.now)
    return world.now


@pytest.mark.parametrize("why", ["a word", "a gate"])
def test_a_way_back_is_taken_at_once(why):
    operator = soaking()
    world = operator.world
    began = set_back(world)
    if why == "a word":
        world.ask(Verb.ROLLBACK)
    else:
        world.gates["slo"] = Outcome.FAIL
    operator.run(lambda world: world.weights == {"16": 100})
    assert world.now - began <= timedelta(seconds=2 * world.plan.look_seconds)


def test_a_write_that_did_not_arrive_is_tried_again_within_seconds():
    operator = soaking()
    world = operator.world
    world.api_up = False
    world.ask(Verb.ROLLBACK)
    operator.settle()
    began = set_back(world)
    world.api_up = True
    operator.run(lambda world: world.weights == {"16": 100})
    assert world.now - began <= timedelta(seconds=5)


def test_questions_go_on_at_their_pace():
    operator = soaking()
    world = operator.world
    set_back(world)
    before = len(world.evaluations)
    minutes(operator, 10)
    asked = len(world.evaluations) - before
    assert 0.5 * BACK_S / world.plan.look_seconds < asked <= BACK_S / world.plan.look_seconds + 2
    operator.run(phase(P.COMPLETED))
