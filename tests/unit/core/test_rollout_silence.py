"""Gates that never answer: unknown is what nobody says, and it is not forgotten."""

from __future__ import annotations

import pytest

from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_status import Reason as R  # noqa: N817
from tests.rollout_operator import phase
from tests.unit.core.test_rollout_holds import minutes, rollout


@pytest.mark.parametrize("at", [P.SHADOWING, P.SOAKING])
@pytest.mark.parametrize(("then", "ends"), [("Pause", P.PAUSED), ("Rollback", P.ROLLED_BACK)])
def test_gates_that_do_not_answer_are_unknown(at, then, ends):
    operator = rollout(at, onUnknown={"holdSeconds": 600, "then": then})
    world = operator.world
    world.gates_up = False
    minutes(operator, 10)
    assert world.status.phase not in {P.PAUSED, P.ROLLED_BACK}
    minutes(operator, 10)
    assert world.status.phase is ends
    if then == "Pause":
        assert world.status.reason is R.GATE_UNKNOWN
        world.gates_up = True
        operator.run(phase(P.COMPLETED))
