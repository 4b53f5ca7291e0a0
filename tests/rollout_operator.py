"""The operator of the small world: the loop that `scoreops.core.rollout` describes. Any write may be its last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from scoreops.core.rollout import decide
from tests.rollout_world import World


class Crash(Exception):
    """The operator's process is gone."""


@dataclass
class Operator:
    """The loop. `kill_at`: the number of the write (from 0) around which the process dies; `after`: once it is done."""

    world: World
    kill_at: int | None = None
    after: bool = False
    writes: int = 0
    moves: list[tuple] = field(default_factory=list)

    def write(self, do):
        here = self.writes == self.kill_at
        self.writes += 1
        if here and not self.after:
            raise Crash
        do()
        if here:
            raise Crash

    def step(self, seen=None):
        """One round on `seen` (default: a fresh look). Returns the decision."""
        world = self.world
        observed, revision = seen or (world.observe(), world.revision)
        decision = decide(observed, world.now)
        assert decision == decide(observed, world.now), "same inputs, same decision"
        if decision.status.phase != observed.status.phase or decision.status.moves != observed.status.moves:
            self.moves.append((observed.status.phase, decision.status.phase, decision.status.reason))
        if decision.act is not None or decision.status != observed.status:
            self.write(lambda: world.store(decision.status, revision))
        if decision.act is not None:
            self.write(lambda: world.perform(decision.act))
        return decision

    def settle(self, limit=120):
        """Rounds without time passing, until there is nothing to do but wait. A crash is a restart."""
        for _ in range(limit):
            if self.world.gone:
                return None
            try:
                decision = self.step()
            except Crash:
                continue
            if decision.again > self.world.now:
                return decision
        raise AssertionError(f"never rests: {self.world.status.phase} {decision.act}")

    def run(self, until, hours=3):
        """Time passes from look to look until `until(world)`."""
        end = self.world.now + timedelta(hours=hours)
        while self.world.now < end:
            decision = self.settle()
            if self.world.gone or until(self.world):
                return self.world
            self.world.later((decision.again - self.world.now).total_seconds())
        raise AssertionError(f"not reached: {self.world.status.phase} {self.world.status.message}")


def phase(*phases):
    """A stop for `run`."""
    return lambda world: world.status.phase in phases
