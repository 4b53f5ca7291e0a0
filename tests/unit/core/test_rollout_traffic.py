"""The gateway follows a route in its own time: what the requests say of it, and what waits for them."""

from __future__ import annotations

import pytest

from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_status import Reason as R  # noqa: N817
from tests.rollout_operator import phase
from tests.unit.core.test_rollout_holds import minutes, rollout


def test_a_gateway_that_follows_late_is_seen_soon_after():
    operator = rollout(P.SOAKING)
    world = operator.world
    world.lag_seconds, world.rate = 60, 200.0
    operator.run(phase(P.PROMOTING))
    began = world.now
    operator.run(phase(P.BAKING))
    assert 60 <= (world.now - began).total_seconds() <= 100
    assert world.status.traffic.observed == 100


def test_a_gateway_that_does_not_follow_holds_the_rollout():
    operator = rollout(P.SOAKING)
    operator.world.lag_seconds = 10**6
    operator.run(phase(P.PROMOTING))
    minutes(operator, 30)
    status = operator.world.status
    assert (status.phase, status.reason) == (P.PROMOTING, R.WEIGHT_NOT_OBSERVED)
    assert status.traffic.observed == pytest.approx(10, abs=1)
    assert operator.world.champion == "16"
