"""The store and its sums: any batches and any order give the same, labels may come late, partly, twice or corrected."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.book import StoredBook
from monitoring.reading import ENTITY, REQUEST, Answer, Label, answers_of, labels_of
from monitoring.store import Store
from monitoring.summing import rows_to_judge
from scoreops.core.bundle import MANIFEST, Manifest
from scoreops.core.drift import sketch
from scoreops.core.errors import FenceMoved
from scoreops.core.gates import Registered, Wanted
from scoreops.core.gates.checks import Decision
from scoreops.core.losses import log_loss_differences
from tests.evidence import World, encoded
from tests.gate_world import Shelf
from tests.tiny import tiny_bundle

PLACE = ("inference.log", 0)
START = datetime(2026, 11, 25, 12, tzinfo=UTC)
START_US = round(START.timestamp() * 1e6)
LATER = START + timedelta(hours=1)


def answer(request, probability, version="2", second=0, row=0, entity=None, as_of=None, features=None):
    as_of_us = None if as_of is None else START_US + as_of * 1_000_000
    at_us = START_US + second * 1_000_000
    return Answer("m", version, request, row, at_us, probability, entity, as_of_us, features)


def told(request, value, second=60):
    return Label("m", REQUEST, request, "0", float(value), START_US + second * 1_000_000)


def about(entity, value, second, name="l"):
    return Label("m", ENTITY, entity, name, float(value), START_US + second * 1_000_000)


class Kept:
    """A store of its own and what it says of version 2 against version 1."""

    def __init__(self, file, **sources):
        self.store, self.offset = Store(file), 0
        self.book = StoredBook(self.store, read_at=lambda: LATER, now=lambda: LATER, **sources)

    def add(self, answers=(), labels=()):
        expected = {PLACE: self.offset} if self.offset else {}
        self.offset += 1
        self.store.commit(expected, {PLACE: self.offset}, answers, labels, {"answers": len(answers)})
        return self

    def read(self, **more):
        return self.book.read(Wanted(**({"model": "m", "candidate": "2", "stable": "1", "since": START} | more)))


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "e.sqlite")


def test_nothing_is_nothing(kept):
    seen = kept.read()
    assert (seen.answers, seen.labelled, seen.pairs.answered, seen.brier.n, seen.bins.n) == (0, 0, 0, 0, 0)
    assert seen.fresh.newest_label is None


def test_sums_are_those_of_the_pairs(kept):
    world = World(500, at_us=START_US)
    answers = [row for version in "12" for raw in encoded(world.answers(version)) for row in answers_of(raw)]
    kept.add(answers, [labels_of(raw) for raw in encoded(world.told())[:400]])
    seen = kept.read()
    lost = log_loss_differences(world.labels[:400], world.scores["1"][:400], world.scores["2"][:400])
    assert (seen.answers, seen.labelled, seen.pairs.answered, seen.pairs.labelled) == (500, 400, 500, 400)
    assert seen.pairs.log_loss.total == pytest.approx(lost.sum())
    assert seen.pairs.brier.n == seen.brier.n == seen.bins.n == 400
    assert kept.read(stable=None).pairs is None


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_batches_in_any_order_give_the_same_sums(tmp_path_factory, random, batches):
    world = World(40, at_us=START_US)
    rows = [row for version in "12" for raw in encoded(world.answers(version)) for row in answers_of(raw)]
    labels = [labels_of(raw) for raw in encoded(world.told())]
    once = Kept(tmp_path_factory.mktemp("e") / "e.sqlite").add(rows, labels)
    items = [*rows, *labels, *random.sample(rows, 10), *random.sample(labels, 5)]
    random.shuffle(items)
    other = Kept(tmp_path_factory.mktemp("e") / "e.sqlite")
    for part in np.array_split(np.arange(len(items)), batches):
        some = [items[i] for i in part]
        other.add([i for i in some if isinstance(i, Answer)], [i for i in some if isinstance(i, Label)])
    a, b = once.read(), other.read()
    assert (a.answers, a.labelled, a.pairs.labelled) == (b.answers, b.labelled, b.pairs.labelled) == (40, 40, 40)
    assert a.pairs.log_loss.total == pytest.approx(b.pairs.log_loss.total)
    assert np.allclose(a.pairs.log_loss.up, b.pairs.log_loss.up)


def test_a_batch_from_elsewhere_is_not_written(kept):
    kept.add([answer("a", 0.5)])
    with pytest.raises(FenceMoved):
        kept.store.commit({}, {PLACE: 9}, [answer("b", 0.5)], [], {})
    assert kept.read().answers == 1
    assert kept.store.offsets() == {PLACE: 1}


def test_a_commit_that_fails_leaves_nothing(kept):
    kept.add([answer("a", 0.5)])
    with pytest.raises(sqlite3.ProgrammingError):
        kept.store.commit({PLACE: 1}, {PLACE: 2}, [answer("b", 0.5)], [object()], {})
    assert kept.read().answers == 1
    assert kept.store.offsets() == {PLACE: 1}


def test_the_first_answer_and_the_newest_label_count(kept):
    kept.add([answer("a", 0.3, second=5), answer("a", 0.1, "1")], [told("a", 1, 60)])
    kept.add([answer("a", 0.2, second=9), answer("a", 0.9, second=4)], [told("a", 0, 90)])
    kept.add([], [told("a", 1, 30)])
    assert kept.read().brier.total == pytest.approx(0.81)


@pytest.mark.parametrize(
    ("labels", "probability"),
    [
        pytest.param([about("k", 1, 5)], None, id="before any answer"),
        pytest.param([about("k", 1, 15)], 0.6, id="the newest answer before"),
        pytest.param([about("k", 1, 25)], 0.8, id="a newer one"),
        pytest.param([about("k", 1, 25, "x"), about("k", 0, 26, "y")], 0.8, id="an answer takes one label"),
        pytest.param([about("other", 1, 25)], None, id="of somebody else"),
    ],
)
def test_labels_of_entities(kept, labels, probability):
    kept.add([answer("a", 0.6, second=10, entity="k"), answer("b", 0.8, second=20, entity="k")], labels)
    seen = kept.read()
    assert seen.labelled == (probability is not None)
    assert seen.brier.total == pytest.approx(0.0 if probability is None else (1 - probability) ** 2)


def test_only_answers_that_are_old_enough_count(kept):
    kept.add([answer("a", 0.6, second=0), answer("b", 0.6, second=3000)], [told("a", 1), told("b", 1)])
    assert kept.read(maturity_seconds=1800).answers == 1
    assert kept.read(since=START + timedelta(seconds=10)).answers == 1


def test_abstentions_and_answers_that_are_no_probability_are_counted_apart(kept):
    kept.add([answer("a", None), answer("b", float("nan")), answer("c", 0.5), answer("a", 0.5, "1")])
    seen = kept.read()
    assert (seen.answers, seen.abstained, seen.unusable, seen.pairs.answered) == (2, 1, 1, 0)


def test_value_of_decisions(kept):
    kept.add(
        [answer(n, p, v) for n, p1, p2 in (("a", 0.9, 0.1), ("b", 0.1, 0.9)) for v, p in (("1", p1), ("2", p2))],
        [told("a", 1), told("b", 0)],
    )
    assert kept.read().pairs.value is None
    value = kept.read(decision=Decision(gain=100, cost=40)).pairs.value
    assert (value.n, value.bound, value.total) == (2, 100, 140)


def test_freshness(kept):
    kept.add(
        [answer("a", 0.5, second=100, as_of=0), answer("b", 0.5, second=100, as_of=90), answer("c", 0.5)],
        [told("a", 1, 70)],
    )
    seen = kept.read(feature_seconds=60).fresh
    assert (seen.known, seen.stale) == (2, 1)
    assert seen.newest_label == START + timedelta(seconds=70)
    assert kept.read().fresh.stale == 0


TINY = Manifest.model_validate_json(tiny_bundle()[MANIFEST])
RNG = np.random.default_rng(1)


def referred(features):
    reference = {name: sketch(features[:, i]) for i, name in enumerate(TINY.columns)}
    return Shelf({"2": Registered(TINY.model_copy(update={"reference": reference}), "", {}, 0)})


@pytest.mark.parametrize(("shift", "n", "rows", "moved"), [(0.0, 900, 800, 0), (2.0, 900, 800, 1), (2.0, 150, 150, 1)])
def test_drift_of_inputs(tmp_path, shift, n, rows, moved):
    kept = Kept(tmp_path / "e.sqlite", registry=referred(RNG.normal(size=(2000, 3))))
    features = RNG.normal([shift, 0, 0], size=(n, 3))
    kept.add([answer(f"r{i}", 0.5, second=i % 60, features=row) for i, row in enumerate(features)])
    seen = kept.read().drift
    assert (seen.rows, seen.problem) == (rows, "")
    assert [one.feature for one in seen.moved if one.moved] == ["a"][:moved]


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({}, "no registry"),
        ({"registry": Shelf(away=True)}, "MLflow does not answer"),
        ({"registry": Shelf()}, "no version 2"),
        ({"registry": Shelf({"2": Registered(TINY.model_copy(update={"reference": {}}), "", {}, 0)})}, "no reference"),
    ],
)
def test_drift_without_a_reference_says_why(tmp_path, sources, problem):
    assert problem in Kept(tmp_path / "e.sqlite", **sources).read().drift.problem


@pytest.mark.parametrize(("rows", "judged"), [(0, 0), (199, 199), (200, 200), (399, 200), (400, 400), (7000, 6400)])
def test_drift_is_judged_when_rows_have_doubled(rows, judged):
    assert rows_to_judge(rows) == judged


class Truth:
    """A feature store that knows entity k alone."""

    def rows(self, model, entities, as_of_us):
        return np.array([[1.0, 2.0, np.nan] if name == "k" else [np.nan] * 3 for name in entities])


def test_skew_compares_what_was_served_with_the_feature_store(tmp_path):
    kept = Kept(tmp_path / "e.sqlite", registry=referred(RNG.normal(size=(200, 3))), truth=Truth())
    same, other = np.array([1.0, 2.0, np.nan]), np.array([1.0, 3.0, np.nan])
    kept.add([answer("a", 0.5, entity="k", as_of=0, features=same), answer("b", 0.5, features=other)])
    kept.add(
        [answer("c", 0.5, entity="k", as_of=0, features=other), answer("d", 0.5, entity="x", as_of=0, features=same)]
    )
    seen = kept.read().skew
    assert (seen.rows, seen.values, seen.differing, seen.worst) == (2, 6, 1, "b")


def test_old_rows_are_dropped(kept):
    kept.add([answer("a", 0.5, second=0), answer("b", 0.5, second=100, features=np.ones(3))], [told("a", 1, 0)])
    assert kept.store.forget(START_US + 50_000_000) == 1
    assert kept.read().answers == 1
