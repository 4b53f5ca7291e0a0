"""The book of rollouts: one writer is faster, answers and evaluations count once, and a stamp says what is new."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scoreops.adapters.rollout_book import RolloutBook, Told
from scoreops.core.errors import FenceMoved, NotFound, NotReady
from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_world import Evaluation, Verb
from scoreops.core.verdict import Outcome, Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan.model_validate({"steps": [100]})
STATUS = Status(since=AT)


@pytest.fixture
def book(tmp_path):
    book = RolloutBook(tmp_path / "deep" / "rollouts.db")
    book.open("trust", "2", "sha256:2", PLAN, {"contract": {"contract": {}}}, STATUS)
    return book


def test_what_was_asked_for_is_read_and_asking_again_is_a_new_generation(book):
    kept = book.read("trust")
    assert (kept.version, kept.digest, kept.plan, kept.status) == ("2", "sha256:2", PLAN, STATUS)
    assert (kept.generation, kept.gates) == (1, {"contract": {"contract": {}}})
    book.open("trust", "3", "sha256:3", PLAN, {}, STATUS)
    assert (book.read("trust").generation, book.read("trust").version) == (2, "3")
    assert book.models() == ["trust"]
    with pytest.raises(NotFound, match="no rollout of success"):
        book.read("success")


def test_of_two_writers_one_learns_that_the_other_was_faster(book):
    moved = STATUS.model_copy(update={"phase": Phase.RESOLVING})
    revision = book.read("trust").revision
    book.write("trust", moved, revision)
    with pytest.raises(FenceMoved, match="not at revision 1"):
        book.write("trust", STATUS, revision)
    assert book.read("trust").status == moved


def test_an_action_is_answered_once(book):
    first, second = (book.ask("trust", verb, "ann") for verb in (Verb.PAUSE, Verb.ROLLBACK))
    assert [(one.id, one.verb, one.by) for one in book.actions("trust")] == [
        (first, Verb.PAUSE, "ann"),
        (second, Verb.ROLLBACK, "ann"),
    ]
    assert book.answered(first) is None
    book.answer(first, accepted=True, why="held")
    book.answer(first, accepted=False, why="too late")
    assert book.answered(first) == (True, "held")
    assert [one.id for one in book.actions("trust")] == [second]
    assert book.actions("success") == ()


def test_the_first_evaluation_under_an_id_counts(book):
    def made(outcome):
        return Evaluation("1-1-guard-1", "guard", AT, (Verdict("slo", outcome, 1, 2, None, 0.5, "said"),))

    assert book.evaluation("trust", "1-1-guard-1") is None
    book.keep("trust", made(Outcome.FAIL))
    book.keep("trust", made(Outcome.PASS))
    assert book.evaluation("trust", "1-1-guard-1") == made(Outcome.FAIL)


def test_people_are_told_once(book):
    told = Told("1-1-1", AT, "AttemptStarted", "version 2 beside 1")
    assert book.tell("trust", told)
    assert not book.tell("trust", told)
    assert book.told("trust") == [told]


def test_samples_are_kept_for_a_while(book):
    for at in (10.0, 20.0, 30.0):
        book.sample("trust", at, str(at), keep_s=15)
    assert book.samples("trust", 0) == [(20.0, "20.0"), (30.0, "30.0")]
    assert book.samples("trust", 25) == [(30.0, "30.0")]
    assert book.samples("success", 0) == []


@pytest.mark.parametrize(
    ("change", "new"),
    [
        pytest.param(lambda book: book.ask("trust", Verb.PAUSE, "ann"), True, id="an action"),
        pytest.param(lambda book: book.keep("trust", Evaluation("1", "guard", AT, ())), True, id="an evaluation"),
        pytest.param(lambda book: book.open("trust", "3", "d", PLAN, {}, STATUS), True, id="another wish"),
        pytest.param(lambda book: book.write("trust", STATUS, 1), False, id="a status, which is the loop's own"),
        pytest.param(lambda book: book.ask("success", Verb.PAUSE, "ann"), False, id="another model's action"),
    ],
)
def test_the_stamp_changes_when_there_is_reason_to_look(book, change, new):
    before = book.stamp("trust")
    change(book)
    assert (book.stamp("trust") != before) == new


def test_a_file_that_is_none_is_told_in_words(tmp_path):
    (tmp_path / "rollouts.db").mkdir()
    with pytest.raises(NotReady, match="cannot be used"):
        RolloutBook(tmp_path / "rollouts.db").models()
