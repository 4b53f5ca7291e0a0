"""Rollouts up to a point, and what may happen to them there."""

from __future__ import annotations

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_world import Verb
from scoreops.core.verdict import Outcome
from tests.rollout_operator import Operator, phase
from tests.rollout_world import World, version

STEP = {"weight": 10, "soakSeconds": 20, "minRequests": 50, "gates": [{"name": "brier"}]}
BASE = {
    "steps": [STEP, 100],
    "guards": [{"name": "slo", "critical": True}],
    "preflight": [{"name": "contract"}],
    "bake": {"durationSeconds": 20, "gates": [{"name": "matured"}]},
    "rollbackWindowSeconds": 60,
    "maxWaitSeconds": 60,
    "progressDeadlineSeconds": 60,
    "onUnknown": {"holdSeconds": 60},
}
SHADOW = {"shadow": {"durationSeconds": 10, "gates": [{"name": "paired"}]}}
APPROVAL = {"steps": [STEP | {"approval": True}, 100]}
ROLLBACK = {"onUnknown": {"holdSeconds": 60, "then": "Rollback"}}


def story(until=None, *, first=False, gates=None, start=30, doomed=False, rate=20.0, **plan):
    """A rollout of version 17 beside 16 that went well up to `until`."""
    world = World(Plan.model_validate(BASE | plan), gates=gates or {}, start_seconds=start, rate=rate)
    if not first:
        world.with_stable()
    if doomed:
        world.doomed.add("17")
    world.source = version("17")
    operator = Operator(world)
    if until is not None:
        operator.run(phase(until))
    return operator


def told(operator, **facts):
    """Something happens to the world."""
    for name, value in facts.items():
        setattr(operator.world, name, value)
    return operator


def asked(operator, *verbs):
    for verb in verbs:
        operator.world.ask(verb)
        operator.settle()
    return operator


def broken(operator, *names, whole=False):
    for name in names:
        operator.world.pods[name].broken = not whole
    return operator


def failed(operator, gate="slo", outcome=Outcome.FAIL):
    operator.world.gates[gate] = outcome
    return operator


def stalled():
    return broken(asked(broken(story(P.SOAKING), "16"), Verb.ROLLBACK), "17", whole=True)


def first_failed():
    operator = failed(story(P.BAKING, first=True))
    operator.run(phase(P.STALLED))
    return told(operator, source=version("18"), gates={})


def withdrawn():
    operator = story()
    operator.step()
    return told(operator, source=version("16"))


GUARDS = [{"name": "slo", "critical": True}]
QUICK = {"onUnknown": {"holdSeconds": 900}, "rollbackWindowSeconds": 600, "maxWaitSeconds": 900, "lookSeconds": 30}
PLANS = [
    Plan.model_validate(QUICK | given)
    for given in (
        {"steps": [10, 100], "guards": GUARDS, "preflight": [{"name": "contract"}]},
        {
            "steps": [{"weight": 10, "soakSeconds": 60, "minRequests": 50, "gates": [{"name": "brier"}]}, 50, 100],
            "guards": GUARDS,
            "shadow": {"durationSeconds": 60, "gates": [{"name": "paired"}]},
            "bake": {"durationSeconds": 300, "gates": [{"name": "matured"}]},
            "supersede": "Replace",
            "onUnknown": {"holdSeconds": 300, "then": "Rollback"},
        },
        {
            "steps": [{"weight": 20, "approval": True, "gates": [{"name": "brier"}]}, 100],
            "supersede": "Replace",
            "deletion": "Keep",
            "preflight": [{"name": "contract"}, {"name": "drift", "mode": "DryRun"}],
        },
        {"steps": [100], "bake": {"durationSeconds": 60, "gates": [{"name": "slo", "critical": True}]}},
    )
]
NAMES = ["contract", "slo", "brier", "paired", "matured", "drift"]
VERSIONS = [version("17"), version("18"), version("19"), version("17", "sha256:other"), version("16")]
