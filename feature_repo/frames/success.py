"""Rows of success: one a KOL and hour whose outcome is known."""

from __future__ import annotations

from functools import partial
from typing import Final

import pandas as pd

from feature_repo.frames import Frame, Known
from feature_repo.kol_history import leakage, outcomes, population
from feature_repo.training import training_rows
from scoreops.kol.hours import hours_of
from scoreops.kol.success_recipe import HELD_HOURS

SERVICE: Final = "success"


def rows(known: Known) -> pd.DataFrame:
    """The outcomes, held_out (the last HELD_HOURS), then the success features."""
    made = outcomes(known.folder).drop(columns="platform").dropna(subset=["revenue_24h"]).reset_index(drop=True)
    made["held_out"] = hours_of(made) >= known.until - HELD_HOURS
    return training_rows(made, SERVICE, known.settings)


FRAME: Final = Frame(rows, partial(population, SERVICE), partial(leakage, SERVICE))
