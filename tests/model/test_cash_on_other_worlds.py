"""The cash forecast on rolling origins of a world whose seed was never looked at in its design, Tet among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoreops.sme.calendar import day_number
from scoreops.sme.cash import CLASSES, CashModel, ahead, classes_of
from scoreops.sme.cash_features import ROW, usual_days_late
from scoreops.sme.cash_training import cash_rows, train_cash
from scoreops.sme.world import END, make_world

SEED = 211
UNTIL = day_number(END) + 1
JUDGED_DAYS = 120


@pytest.fixture(scope="module")
def judged():
    """Rows whose days come after all that was learnt from, what was said of them, and their class."""
    frames = make_world(orgs=8, days=540, seed=SEED).frames
    owed = frames["invoices"]
    for name in ("issued_on", "due_on", "cleared_on"):
        owed[name] = pd.to_datetime(owed[name])
    rows = cash_rows(frames["bank_transactions"], owed, usual_days_late, until=UNTIL)
    before = np.flatnonzero(rows.day + 30 <= UNTIL - JUDGED_DAYS)
    after = rows.take(np.flatnonzero(rows.day >= UNTIL - JUDGED_DAYS))
    made = CashModel.load(train_cash(rows.take(before)).model.files()).score(after.features)
    return after, made, classes_of(after.features)


@pytest.mark.parametrize("name", CLASSES)
def test_eighty_percent_intervals_of_days_and_balances_hold(judged, name):
    rows, made, group = judged
    mine = group == CLASSES.index(name)
    balance = rows.features[:, [ROW.index("balance")]] + np.cumsum(rows.came, axis=1)
    days = (rows.came >= made.net_low) & (rows.came <= made.net_high)
    sums = (balance >= made.balance_low) & (balance <= made.balance_high)
    assert mine.sum() >= 20
    assert 0.72 <= days[mine].mean() <= 0.92
    assert 0.62 <= sums[mine].mean() <= 0.97


def test_it_is_better_than_the_same_weekday_in_every_season(judged):
    rows, made, group = judged
    scale = rows.features[:, [0]]
    ours, naive = (np.abs(told - rows.came) / scale for told in (made.net, ahead(rows.features, "naive")))
    for place in range(len(CLASSES)):
        assert ours[group == place].mean() < 0.97 * np.nanmean(naive[group == place])
