"""docs/explanation/rollout-states.md is written by the table that decides (REGEN=1 rewrites it)."""

from __future__ import annotations

import os
from pathlib import Path

from scoreops.core.rollout_page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "rollout-states.md"


def test_the_page_is_that_of_the_table():
    if os.environ.get("REGEN"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page())
    assert PAGE.read_text() == page()
