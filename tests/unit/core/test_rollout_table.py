"""Every row of the state machine, as a short story that takes it."""

from __future__ import annotations

import pytest

from scoreops.core.errors import Unsupported
from scoreops.core.rollout_status import Phase as P  # noqa: N817
from scoreops.core.rollout_table import TABLE, Event, row
from tests.rollout_cases import CASES


@pytest.mark.parametrize(("tell", "source", "event", "target", "reason"), CASES.values(), ids=CASES)
def test_row(tell, source, event, target, reason):
    operator = tell()
    assert row(source, event, target)
    operator.run(lambda world: (source, target, reason) in operator.moves)


def test_every_row_has_a_story():
    taken = {(case[1], case[2]) for case in CASES.values()}
    assert [one for one in TABLE if not any((source, one.event) in taken for source in one.sources)] == []


def test_a_move_outside_the_table_is_refused():
    with pytest.raises(Unsupported, match="no move from RolledBack to Promoting"):
        row(P.ROLLED_BACK, Event.PASSED, P.PROMOTING)
