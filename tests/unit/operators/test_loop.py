"""The loop against the small world: it ends where the world's own operator ends, whoever interferes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from operators.loop import settle
from scoreops.core.errors import FenceMoved, NotReady
from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase
from scoreops.core.rollout_world import EvaluateGates, Verb
from scoreops.core.verdict import Outcome
from tests.rollout_stories import BASE
from tests.rollout_world import Conflict, World, version


class Here:
    """The small world behind the loop's port. `meddle`: called before each write, may raise or change the object."""

    def __init__(self, world, meddle=lambda name: None):
        self.world, self.meddle, self.seen, self.writes = world, meddle, 0, 0

    def observe(self):
        if self.world.gone:
            return None
        self.seen = self.world.revision
        return self.world.observe()

    def write(self, status):
        self.writes += 1
        self.meddle("status")
        try:
            self.world.store(status, self.seen)
        except Conflict as conflict:
            raise FenceMoved("the object was written") from conflict

    def act(self, act):
        self.meddle(act.kind)
        self.world.perform(act)


def fresh(**plan):
    world = World(Plan.model_validate(BASE | plan)).with_stable()
    world.source = version("17")
    return world


def run(here, *phases, hours=1):
    end = here.world.now + timedelta(hours=hours)
    while here.world.now < end:
        look = settle(here, lambda: here.world.now)
        if look is None or here.world.status.phase in phases:
            return here.world
        here.world.later(max((look.again - here.world.now).total_seconds(), 1))
    raise AssertionError(here.world.status.message)


class Every:
    """Raises at every nth write."""

    def __init__(self, nth, error):
        self.nth, self.error, self.count = nth, error, 0

    def __call__(self, name):
        self.count += 1
        if self.count % self.nth == 0:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(FenceMoved("somebody wrote"), id="the fence moves at every third write"),
        pytest.param(NotReady("away"), id="every third act fails"),
    ],
)
def test_a_rollout_goes_through_whatever_fails(error):
    meddle = Every(3, error)
    here = Here(fresh(), lambda name: meddle(name) if isinstance(error, FenceMoved) or name != "status" else None)
    world = run(here, Phase.COMPLETED)
    assert (world.weights, world.champion) == ({"17": 100}, "17")


def test_a_bad_candidate_goes_back():
    world = fresh()
    run(here := Here(world), Phase.SOAKING)
    world.gates["slo"] = Outcome.FAIL
    run(here, Phase.ROLLED_BACK)
    assert world.weights == {"16": 100}


def test_a_status_that_is_not_stored_is_not_acted_on():
    world = fresh()

    def never(name):
        assert name == "status", f"{name} was done"
        raise FenceMoved("always")

    look = settle(Here(world, never), lambda: world.now, rounds=5)
    assert look is not None
    assert (world.status.phase, world.effects) == (Phase.IDLE, [])


def test_an_api_server_that_is_away_is_the_callers_business():
    world = fresh()

    def away(name):
        raise NotReady("connection refused")

    with pytest.raises(NotReady):
        settle(Here(world, away), lambda: world.now)


def test_nothing_is_written_at_rest():
    world = fresh()
    world.source = version("16")
    here = Here(world)
    settle(here, lambda: world.now)
    before = here.writes
    look = settle(here, lambda: world.now)
    assert (here.writes, look.decision.act, look.again > world.now) == (before, None, True)


def test_gates_that_answer_later_are_waited_for():
    world = fresh()
    late = []
    here = Here(world)
    perform = here.act

    def act(one):
        if isinstance(one, EvaluateGates):
            late.append(one)
        else:
            perform(one)

    here.act = act
    settle(here, lambda: world.now)
    assert world.status.phase is Phase.PREFLIGHT
    perform(late[0])
    settle(here, lambda: world.now)
    assert world.status.phase is Phase.DEPLOYING


def test_deletion_ends_the_loop():
    world = fresh()
    run(here := Here(world), Phase.SOAKING)
    world.deleting = True
    run(here)
    assert (world.gone, world.weights, settle(here, lambda: world.now)) == (True, {"16": 100}, None)


def test_an_action_is_answered_in_the_same_turn():
    world = fresh()
    run(here := Here(world), Phase.SOAKING)
    name = world.ask(Verb.ROLLBACK)
    settle(here, lambda: world.now)
    assert (world.answers[name].accepted, world.weights) == (True, {"16": 100})
