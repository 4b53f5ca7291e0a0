"""The loop around one rollout: observe, decide, write the status, act, and look again. It knows no Kubernetes.

Whoever drives it (the operator, the embedded profile) brings a `World` and wakes it when something happened or when the
decision's moment has come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from scoreops.core.errors import FenceMoved, ScoreOpsError
from scoreops.core.rollout import decide
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import Act, Decision, EvaluateGates, Evaluation, Observed

ROUNDS = 40
"""So many rounds without a rest, then others get their turn."""
_log = structlog.get_logger("operators.loop")

Clock = Callable[[], datetime]


class World(Protocol):
    """One rollout's surroundings. Not safe for two threads at once; one rollout has one loop."""

    def observe(self) -> Observed | None:
        """A fresh look at everything, None when the rollout is gone.

        Providers of numbers (metrics, registry) that do not answer in time are None in it; they raise nothing.
        """
        ...

    def write(self, status: Status) -> None:
        """Store the status if nobody wrote the object since `observe`. Raises FenceMoved if somebody did."""
        ...

    def act(self, act: Act) -> None:
        """Do it. The same act twice has one effect. Gates may be evaluated later, in the background.

        A ScoreOpsError is a failure that the next look sees as an effect that is missing; it is tried again.
        """
        ...


class Gates(Protocol):
    """Evaluates the gates of one question, and keeps nothing: whoever asks stores the answer under `act.id`."""

    def __call__(self, act: EvaluateGates, observed: Observed, now: datetime) -> Evaluation:
        """One verdict for each of `act.gates`, in that order. What is away or makes no sense is a verdict too."""
        ...


@dataclass(frozen=True)
class Look:
    """The last round before a rest: what was seen, and what was decided."""

    observed: Observed
    decision: Decision

    @property
    def again(self) -> datetime:
        """When to look again if nothing happens before."""
        return self.decision.again


def settle(world: World, clock: Clock, *, rounds: int = ROUNDS) -> Look | None:
    """Rounds until there is nothing to do but wait. Returns the last look, None when the rollout is gone.

    `clock` gives aware moments. A status that is not stored is not acted on: a moved fence begins a new round. What
    `observe` and `write` raise (the API server is away) goes to the caller, who comes again later.
    """
    look = None
    for _ in range(rounds):
        observed = world.observe()
        if observed is None:
            return None
        now = clock()
        decision = decide(observed, now)
        look = Look(observed, decision)
        try:
            _carry_out(world, look)
        except FenceMoved as moved:
            _log.info("another writer was faster", why=str(moved))
            continue
        if decision.act is None and decision.again > now:
            return look
    return look


def _carry_out(world: World, look: Look) -> None:
    """The status first, then the one act."""
    observed, decision = look.observed, look.decision
    _log_move(observed.status, decision.status)
    if decision.act is None and decision.status == observed.status:
        return
    world.write(decision.status)
    if decision.act is None:
        return
    act, attempt = decision.act, decision.status.attempt
    said = {"act": act.kind, "id": act.id, "attempt": attempt.id if attempt else None}
    try:
        world.act(act)
    except FenceMoved:
        raise
    except ScoreOpsError as error:
        _log.warning("act failed", **said, why=str(error))
    else:
        _log.debug("acted", **said)


def _log_move(before: Status, after: Status) -> None:
    if after.moves == before.moves:
        return
    _log.info(
        "moved",
        attempt=after.attempt.id if after.attempt else None,
        source=before.phase,
        phase=after.phase,
        reason=after.reason,
        message=after.message,
    )
