"""A crash before or after any write ends where the undisturbed run ends, with the same effects outside."""

from __future__ import annotations

from functools import cache

import pytest

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase
from scoreops.core.rollout_world import Verb
from scoreops.core.verdict import Outcome
from tests.rollout_operator import Operator, phase
from tests.rollout_world import World, version

PLAN = Plan.model_validate(
    {
        "steps": [{"weight": 10, "soakSeconds": 20, "minRequests": 50, "gates": [{"name": "brier"}]}, 100],
        "guards": [{"name": "slo", "critical": True}],
        "preflight": [{"name": "contract"}],
        "shadow": {"durationSeconds": 10, "gates": [{"name": "paired"}]},
        "bake": {"durationSeconds": 20, "gates": [{"name": "matured"}]},
        "rollbackWindowSeconds": 60,
        "lookSeconds": 5,
    }
)


def at_rest(world):
    return len(world.pods) == 1 and not world.status.notices and not world.actions


def promoted(operator):
    """All the way up, and the old version retired."""
    operator.run(phase(Phase.COMPLETED))
    operator.run(at_rest)


def rolled_back(operator):
    """A critical gate fails in the middle of the first step."""
    operator.run(phase(Phase.SOAKING))
    operator.world.gates["slo"] = Outcome.FAIL
    operator.run(phase(Phase.ROLLED_BACK))
    operator.run(at_rest)


def taken_back(operator):
    """A person asks for the old version after the new one became champion."""
    operator.run(phase(Phase.BAKING))
    operator.world.ask(Verb.ROLLBACK)
    operator.run(phase(Phase.ROLLED_BACK))
    operator.run(at_rest)


def deleted(operator):
    """The object is deleted while the candidate has some of the traffic."""
    operator.run(lambda world: world.status.phase is Phase.SOAKING and not world.status.notices)
    operator.world.deleting = True
    operator.run(lambda world: world.gone)


_ANY_ORDER = {"EvaluateGates", "Notify", "AnswerAction"}
"""Nothing else waits for these; that they happened is compared, when they happened is not."""
SCRIPTS = (promoted, rolled_back, taken_back, deleted)


def told(script, *, kill_at=None, after=False):
    """The end of the script: (number of writes, what is remembered, the world outside, its effects in order)."""
    world = World(PLAN).with_stable()
    world.source = version("17")
    operator = Operator(world, kill_at, after)
    script(operator)
    effects = [effect for effect in world.effects if effect[0] not in _ANY_ORDER]
    outside = (sorted(world.pods), world.weights, world.mirror, world.champion, world.previous, world.gone)
    notices = sorted((name, notice.reason) for name, notice in world.notices.items())
    return operator.writes, remembered(world.status), outside, effects, notices, sorted(world.answers)


def remembered(status):
    """The status without moments, counts of evaluations and of tries: time itself is not the same after a restart."""
    kept = status.model_dump(mode="json", exclude={"asked", "judged", "message", "intent", "answers"})
    evidence = [(one["stage"], one["source"].rpartition("-")[0]) for one in kept.pop("evidence")]
    history = [(one["attempt"], one["version"], one["outcome"], one["reason"]) for one in kept.pop("history")]
    for place in (kept, kept["attempt"], kept["step"], kept["traffic"]):
        for moment in ("since", "started_at", "asked", "settled_at", "verified_at", "observed"):
            place.pop(moment, None)
    intent = status.intent and (status.intent.id, status.intent.done)
    answers = [(one.action, one.accepted) for one in status.answers]
    return kept, evidence, history, intent, answers


@cache
def undisturbed(script):
    return told(script)


CASES = [
    pytest.param(script, after, id=f"{script.__name__}, killed {'after' if after else 'before'} each write")
    for script in SCRIPTS
    for after in (False, True)
]


@pytest.mark.parametrize(("script", "after"), CASES)
def test_a_crash_changes_nothing_but_time(script, after):
    writes, *expected = undisturbed(script)
    assert writes > 20
    for place in range(writes):
        _, *found = told(script, kill_at=place, after=after)
        assert found == expected, f"write {place} of {writes}"
