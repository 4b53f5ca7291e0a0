"""The loop is killed between any two of its writes, and what is left in the end is what an undisturbed run leaves.

To die before a write is to die after the one before it: nothing but looking lies between.
"""

from __future__ import annotations

import os
import signal
import traceback
from contextlib import contextmanager
from functools import partial

import pytest

from scoreops.core.rollout_status import Phase
from scoreops.local.rollout_plan import checked
from scoreops.local.rollouts import finished
from tests.bundles import plain_bundle
from tests.delivering import open_shop, traffic

MOST_WRITES = 60
CONTRACT = [{"name": "contract"}]
PLAN = {
    "steps": [{"weight": 10, "minRequests": 10, "gates": CONTRACT}, 100],
    "preflight": CONTRACT,
    "guards": [{"name": "contract"}],
    "abortDelaySeconds": 0,
    "lookSeconds": 1,
}
SLO = {"slo": {"margin": 0.2, "slow": None}}
DELIVERIES = {
    Phase.COMPLETED: (checked(PLAN, {"contract": {"contract": {}}}), ("a", "b", "c")),
    Phase.ROLLED_BACK: (
        checked(PLAN | {"guards": [{"name": "slo", "critical": True}]}, {"contract": {"contract": {}}, "slo": SLO}),
        ("c", "b", "a"),
    ),
}
"""What is delivered, and the columns of the candidate: in another order it refuses every request."""


class Mortal:
    """A world whose process dies before its write number `at`, counted from 0."""

    def __init__(self, world, at):
        self._world, self._left = world, at

    def observe(self):
        return self._world.observe()

    def write(self, status):
        self._once(partial(self._world.write, status))

    def act(self, act):
        self._once(partial(self._world.act, act))

    def _once(self, do):
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        do()


def drive(shop, at=-1):
    """A loop in a process of its own, until the rollout has ended or the loop was killed. Returns whether it was."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in {0, -signal.SIGKILL}
        return code != 0
    code = 1
    try:
        world = Mortal(shop.rollouts.world(shop.model), at)
        for seen in shop.rollouts.looks(shop.model, world):
            status = seen.decision.status
            if finished(status) and not status.notices:
                code = 0
                break
    finally:
        os._exit(code)


def left_by(shop, delivery, at=-1):
    """Whether the loop was killed, and what is left: traffic, aliases, proofs, and what people were told."""
    shop.reset()
    shop.rollouts.begin(shop.model, "2", delivery)
    killed = drive(shop, at)
    if killed:
        assert not drive(shop)
    status, split = shop.status(), shop.files.read(shop.model)
    return killed, {
        "phase": status.phase,
        "history": [(past.version, past.outcome) for past in status.history],
        "proved": sorted(one.stage for one in status.evidence),
        "weights": dict(split.weights),
        "held": set(split.held),
        "aliases": shop.aliases(),
        "told": sorted(one.reason for one in shop.rollouts.book.told(shop.model)),
    }


def live_and_die(end, shop, places):
    """Kill the loop before each write of `places` until there is none of that number, which is returned."""
    delivery, _ = DELIVERIES[end]
    _, expected = left_by(shop, delivery)
    assert expected["phase"] is end
    for at in places:
        killed, left = left_by(shop, delivery, at)
        assert left == expected, f"killed before write {at}"
        if not killed:
            break
    return at


@contextmanager
def beside(work, told):
    """`work` in a process of its own, side by side with the block; a loop waits more than it works."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            told.write_text(traceback.format_exc())
            raise
        finally:
            os._exit(code)
    try:
        yield
    finally:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, told.read_text()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("end", DELIVERIES)
def test_every_write_may_be_the_last_of_a_loop(end, settings, environment, mlflow, prefix, tmp_path):
    def half(first):
        name = f"{prefix}-{first}"
        bundles = (plain_bundle(name=name), plain_bundle((2.0, 2.0, 2.0), name, DELIVERIES[end][1]))
        home = tmp_path / f"home-{first}"
        with open_shop(settings, environment, name, home, *bundles) as shop, traffic(shop, 1) as found:
            assert live_and_die(end, shop, range(first, MOST_WRITES, 2)) > 20, "there are so many writes at least"
        assert {status for status, _ in found} == ({200} if end is Phase.COMPLETED else {200, 400})

    with beside(partial(half, 1), tmp_path / "other.log"):
        half(0)
