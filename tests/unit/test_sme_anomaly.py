"""The anomaly score: what is odd is seen and said, others and the future never matter, verdicts move thresholds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreops.core.errors import BadInput, Refused
from scoreops.sme.anomaly import AnomalyModel, severity_of
from scoreops.sme.anomaly_features import ANOMALY_FEATURES, DAY, Feedback, Transactions, anomaly_features
from scoreops.sme.anomaly_training import MIN_VERDICTS, retuned, train_anomaly
from scoreops.sme.world import make_world
from tests.skew_sme import transactions

COLUMNS = ANOMALY_FEATURES.columns
SUPPLIER = "sup-3"


@cache
def scorer():
    rows = anomaly_features(Transactions.of(transactions()))
    return AnomalyModel.load(train_anomaly(rows, trees=40).model.files())


def after(*changes):
    """The usual transactions of org-0 and, after them, payments to a supplier, each with some fields changed."""
    frame = transactions(orgs=1)
    usual = frame[frame["counterparty_id"] == SUPPLIER].iloc[-1]
    last = frame["booked_at"].iloc[-1].normalize() + pd.Timedelta(days=1, hours=4)
    rows = [{**usual, "booked_at": last, **change} for change in changes]
    whole = pd.concat([frame, pd.DataFrame(rows)], ignore_index=True)
    return anomaly_features(Transactions.of(whole))[-len(rows) :], usual, last


USUAL, USUAL_ROW, LAST = after({})
BIG = {"amount_minor": int(USUAL_ROW["amount_minor"]) * 9}
TWICE = ({"amount_minor": -777_777}, {"amount_minor": -777_777, "booked_at": LAST + pd.Timedelta(hours=5)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param([BIG], "large for this counterparty", id="outsized"),
        pytest.param([{"booked_at": LAST.normalize() + pd.Timedelta(hours=19)}], "an unusual hour", id="at night"),
        pytest.param([{"counterparty_id": "nobody-knows", **BIG}], "the counterparty is new", id="new payee"),
        pytest.param(TWICE, "the same amount went to the same counterparty", id="twice"),
    ],
)
def test_what_is_odd_scores_higher_than_the_usual_and_is_said(changes, said):
    rows, _, _ = after(*changes)
    made, usual = scorer().score(rows[-1:]), scorer().score(USUAL)
    assert made.score[0] > usual.score[0]
    assert made.percentile[0] > 99
    assert any(said in reason for reason in made.reasons[0]), made.reasons


def test_what_comes_later_never_changes_a_row():
    frame = transactions(orgs=1)
    rows = Transactions.of(frame)
    half = len(frame) // 2
    again = anomaly_features(Transactions.of(frame.iloc[:half]))
    np.testing.assert_array_equal(anomaly_features(rows)[:half], again)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 40))
def test_other_orgs_never_change_a_row(seed, factor):
    frame = transactions()
    mine = (frame["org_id"] == "org-0").to_numpy()
    other = frame[~mine].sample(frac=0.7, random_state=seed)
    other = other.assign(amount_minor=other["amount_minor"] * factor, account_id="acc-9")
    together = pd.concat([other, frame[mine]], ignore_index=True)
    alone = anomaly_features(Transactions.of(frame[mine]))
    np.testing.assert_array_equal(anomaly_features(Transactions.of(together))[len(other) :], alone)


def test_terminal_risk_knows_a_verdict_only_when_it_was_given():
    frame = transactions(orgs=1, days=60).assign(terminal_id="term-1")
    rows = Transactions.of(frame)
    booked = rows.at
    first = booked[60]
    verdicts = Feedback(np.arange(60, 80), np.ones(20, dtype=bool), np.full(20, first + 10 * DAY))
    risk = anomaly_features(rows, verdicts)[:, COLUMNS.index("terminal_risk")]
    assert (risk[booked <= first + 10 * DAY] == 0).all()
    assert risk[booked > first + 10 * DAY].max() > 0


def test_a_young_company_is_not_judged():
    rows = anomaly_features(Transactions.of(transactions(orgs=1, days=60)))
    made = scorer().score(rows)
    young = rows[:, COLUMNS.index("history_days")] < 21
    np.testing.assert_array_equal(made.abstained, young)
    assert (made.severity[young] == 0).all()
    assert "not enough data" in made.reasons[0][0]


def test_money_that_comes_in_is_never_more_than_low():
    thresholds = {"in": (1.0, 2.0, 3.0), "out": (1.0, 2.0, 3.0)}
    found = severity_of(np.array([9.0, 9.0, 1.0, 0.0]), np.array([0, 1, 1, 1]), thresholds)
    assert found.tolist() == [1, 3, 1, 0]


def test_most_of_what_is_planted_in_a_generated_world_is_among_its_alerts():
    world = make_world(orgs=9, days=420, seed=3)
    frame, truth = world.frames["bank_transactions"], world.truth["anomalies"]
    planted = dict(zip(truth["org_id"] + truth["transaction_id"], truth["kind"], strict=True))
    kind = (frame["org_id"] + frame["transaction_id"]).map(planted)
    rows = anomaly_features(Transactions.of(frame))
    made = AnomalyModel.load(train_anomaly(rows).model.files()).score(rows, reasons=False)
    alert = made.severity >= 2
    precision, recall = kind[alert].notna().mean(), alert[kind.notna()].mean()
    assert precision > 0.6
    assert recall > 0.45
    found = pd.Series(alert).groupby(kind).mean()
    assert (found[["duplicate_payment", "outsized_amount"]] > 0.8).all()
    assert (found[["new_payee", "terminal_refunds"]] > 0.3).all()


THRESHOLDS = (1.0, 2.0, 3.0)


def test_too_few_verdicts_leave_thresholds_alone():
    few = MIN_VERDICTS - 1
    assert retuned(np.full(few, 5.0), np.zeros(few, dtype=bool), THRESHOLDS) == THRESHOLDS


def test_only_false_alarms_raise_thresholds_and_true_ones_lower_them():
    score = np.linspace(0, 10, 60)
    wrong = retuned(score, np.zeros(60, dtype=bool), THRESHOLDS)
    right = retuned(score, np.ones(60, dtype=bool), THRESHOLDS)
    assert min(wrong) == 10.0
    assert right == (0.0, 0.0, 0.0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), max_size=60))
def test_retuned_levels_never_cross_and_hold_their_precision(verdicts):
    score, true = np.array([v[0] for v in verdicts]), np.array([v[1] for v in verdicts], dtype=bool)
    made = retuned(score, true, THRESHOLDS)
    assert list(made) == sorted(made)
    if made[0] < THRESHOLDS[0]:
        assert true[score >= made[0]].mean() >= 0.2


def test_training_twice_gives_the_same_bytes_and_too_little_is_refused():
    rows = anomaly_features(Transactions.of(transactions()))
    assert train_anomaly(rows, trees=5).model.files() == train_anomaly(rows, trees=5).model.files()
    with pytest.raises(Refused, match="300 are needed"):
        train_anomaly(rows[:400])
    with pytest.raises(BadInput, match="missing columns terminal_id"):
        Transactions.of(transactions().drop(columns="terminal_id"))
