"""The late-payment score: what it knows at which moment, and laws of its answers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreops.core.errors import BadInput, Refused
from scoreops.sme.calendar import NEVER
from scoreops.sme.late import LateModel
from scoreops.sme.late_features import LATE_FEATURES, History, Invoices
from scoreops.sme.late_training import late_rows, rows_at_issue, seen_before, train_late
from tests.skew_sme import FIRST_DAY, invoices

UNTIL = FIRST_DAY + 220
COLUMNS = LATE_FEATURES.columns


def column(features, name):
    return features[:, COLUMNS.index(name)]


@cache
def scorer():
    return LateModel.load(train_late(late_rows(invoices(), until=UNTIL), trees=60).model.files())


def features_at(frame, as_of):
    """Features of the invoices that were written by `as_of`, and which these are."""
    made = Invoices.of(frame)
    asked = np.flatnonzero(made.issued <= as_of)
    return History(made).features(made.take(asked), np.full(len(asked), as_of)), asked


def test_what_happens_later_never_changes_a_row():
    frame, as_of = invoices(), FIRST_DAY + 120
    before, asked = features_at(frame, as_of)
    later = frame.copy()
    future = pd.to_datetime(as_of, unit="D")
    unpaid = ~(later["cleared_on"] < future)
    later.loc[unpaid, "cleared_on"] = future + pd.Timedelta(days=33)
    later = later[later["issued_on"] <= future].reset_index(drop=True)
    after, again = features_at(later, as_of)
    assert len(asked) == len(again)
    np.testing.assert_array_equal(before, after)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 200))
def test_other_orgs_never_change_a_row(seed, size):
    frame = invoices()
    mine = frame[frame["org_id"] == "org-0"]
    other = frame[frame["org_id"] == "org-1"].sample(size, random_state=seed)
    other = other.assign(amount_minor=other["amount_minor"] * (seed % 1000 + 1), due_on=other["issued_on"])
    together = pd.concat([other, mine], ignore_index=True)
    as_of = FIRST_DAY + 150
    features, asked = features_at(together, as_of)
    alone, _ = features_at(mine.reset_index(drop=True), as_of)
    np.testing.assert_array_equal(features[asked >= len(other)], alone)


def test_columns_are_what_an_accountant_would_count():
    day = pd.to_datetime(FIRST_DAY, unit="D")
    at = [day + pd.Timedelta(days=n) for n in range(100)]
    rows = [  # issued, due, cleared: paid 5 late, paid 1 early, open and overdue, paid only later, the one asked for
        (at[0], at[10], at[15]),
        (at[1], at[20], at[19]),
        (at[2], at[30], None),
        (at[3], at[35], at[60]),
        (at[40], at[55], None),
    ]
    frame = pd.DataFrame(rows, columns=["issued_on", "due_on", "cleared_on"])
    frame = frame.assign(org_id="a", customer_id="c", amount_minor=[100, 300, 200, 400, 1_000])
    made = Invoices.of(frame)
    features = History(made).features(made.take(np.array([4])), np.array([FIRST_DAY + 40]))
    got = dict(zip(COLUMNS, features[0], strict=True))
    want = {
        "term_days": 15,
        "days_to_due": 15,
        "amount_ratio": 4.0,
        "n_cleared": np.log1p(2),
        "mean_late": 2.0,
        "median_late_10": 2.0,
        "last_late": -1,
        "share_late": 0.5,
        "days_since_cleared": 21,
        "n_open": np.log1p(2),
        "n_overdue": np.log1p(2),
        "overdue_ratio": 1.0,
        "mean_so_far_5": (5 - 1 + 10 + 5) / 4,
        "worst_so_far_20": 10,
        "share_open_20": 0.5,
        "same_day": np.log1p(1),
        "org_mean_late": 2.0,
    }
    assert {name: got[name] for name in want} == pytest.approx(want)


def test_a_payment_becomes_known_the_day_after():
    frame = invoices(orgs=1, customers=1)
    made = Invoices.of(frame)
    day = int(made.cleared[0])
    counts = [np.expm1(column(features_at(frame, at)[0], "n_cleared")[0]) for at in (day, day + 1)]
    assert counts[1] > counts[0]


def test_training_rows_know_nothing_of_the_days_after():
    rows = late_rows(invoices(), until=FIRST_DAY + 100)
    assert rows.known.max() < FIRST_DAY + 100
    assert (rows.as_of <= rows.known).all()
    assert (seen_before(Invoices.of(invoices()), FIRST_DAY + 100).cleared < NEVER).sum() == len(np.unique(rows.invoice))


def test_who_always_pays_later_is_expected_later():
    features, _ = features_at(invoices(), FIRST_DAY + 200)
    made = scorer().score(features, reasons=False)
    habit = column(features, "mean_late")
    issued_late = (column(features, "days_to_due") >= 0) & ~np.isnan(habit)
    order = np.corrcoef(habit[issued_late], made.days_late[issued_late])[0, 1]
    assert order > 0.9
    assert np.corrcoef(habit[issued_late], made.p_late[issued_late])[0, 1] > 0.7


def test_nobody_pays_before_today():
    features, _ = features_at(invoices(), FIRST_DAY + 210)
    made = scorer().score(features, reasons=False)
    overdue = column(features, "days_to_due") < 0
    assert overdue.any()
    assert (made.low[overdue] >= -column(features, "days_to_due")[overdue]).all()
    assert (made.p_late[overdue] == 1).all()
    assert ((made.p_late >= 0) & (made.p_late <= 1)).all()
    assert (made.low <= np.rint(made.days_late)).all()
    assert (made.high >= np.rint(made.days_late)).all()


def test_the_interval_holds_its_share_of_later_invoices():
    cut = FIRST_DAY + 150
    frame = invoices(customers=40)
    model = LateModel.load(train_late(late_rows(frame, until=cut), trees=80).model.files())
    later = rows_at_issue(Invoices.of(frame))
    asked = later.take(later.known >= cut)
    made = model.score(asked.features, reasons=False)
    inside = (asked.late >= made.low) & (asked.late <= made.high)
    assert 0.72 <= inside.mean() <= 0.92


def test_a_new_customer_is_said_to_be_unknown_and_reasons_name_what_matters():
    features, _ = features_at(invoices(), FIRST_DAY + 200)
    known = scorer().score(features[-1:])
    assert not known.unknown_customer[0]
    assert any("median days late" in reason or "mean days late" in reason for reason in known.reasons[0])
    blank = features[-1:].copy()
    blank[:, COLUMNS.index("n_cleared")] = 0
    assert scorer().score(blank).unknown_customer[0]


def test_training_twice_gives_the_same_bytes():
    rows = late_rows(invoices(), until=UNTIL)
    first, second = (train_late(rows, trees=10).model.files() for _ in range(2))
    assert first == second


def test_too_little_data_is_refused():
    with pytest.raises(Refused, match="300 are needed"):
        train_late(late_rows(invoices(orgs=1, customers=2), until=UNTIL))


def test_missing_columns_are_named():
    with pytest.raises(BadInput, match="missing columns due_on"):
        Invoices.of(invoices().drop(columns="due_on"))
