"""One supervised process, whatever becomes of it."""

from __future__ import annotations

import time

import pytest

from scoreops.local.service import Service

TURNS = 400
"""So often the process turns into another program before it rests."""


@pytest.fixture
def service(tmp_path):
    script = tmp_path / "turns.sh"
    script.write_text(f'[ "$1" -lt {TURNS} ] || exec sleep 60\nexec sh "$0" $(($1 + 1))\n')
    made = Service("turns", tmp_path, ["sh", str(script), "0"], lambda: "sleep" in made.process().name())
    yield made
    made.stop()


def test_a_process_that_turns_into_another_program_is_always_found(service):
    service.start()
    deadline = time.monotonic() + 60
    looks = 0
    while not service.answers():
        assert service.process() is not None, f"lost at look {looks}"
        assert time.monotonic() < deadline
        looks += 1
    assert looks > 1
    service.stop()
    assert service.process() is None
