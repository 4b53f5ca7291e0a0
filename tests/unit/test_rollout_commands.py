"""Plans from options and files, and what is shown of a rollout."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scoreops.adapters.rollout_book import RolloutBook
from scoreops.cli.canary import weights
from scoreops.cli.rollout_view import follow, picture, shown_of
from scoreops.core.errors import BadInput
from scoreops.core.gates.traffic import REQUESTS
from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Status
from scoreops.local.rollout_counts import Counts
from scoreops.local.rollout_plan import Canary, read_delivery
from scoreops.local.rollout_server import Counted, Said, requests_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_short_form_has_a_gate_at_every_step():
    made = Canary(steps=(10, 50, 100), soak_s=5, min_requests=7).delivery()
    assert [(step.weight, step.soak_seconds, step.min_requests, step.mirror) for step in made.plan.steps] == [
        (10, 5, 7, 0),
        (50, 5, 7, 0),
        (100, 0, 0, 0),
    ]
    assert {gate.name for gate in made.plan.gates_of("step-1")} == {"contract", "slo"}


def test_a_margin_of_loss_shows_the_candidate_copies():
    made = Canary(loss_margin=0.05).delivery()
    assert made.plan.steps[0].mirror == 100
    assert made.gates["log-loss"] == {"pairedShadow": {"margin": 0.05}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("plan: [", "cannot be read", id="no YAML"),
        pytest.param("plan: {}", "two keys", id="no gates"),
        pytest.param("{plan: {steps: [10, 50]}, gates: {}}", "end at 100", id="steps that end early"),
        pytest.param("{plan: {steps: [100]}, gates: {a: {slow: {}}}}", "slow", id="a kind that there is none of"),
        pytest.param(
            "{plan: {steps: [100], preflight: [{name: contract}]}, gates: {}}", "no template", id="a gate unknown"
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path, text, said):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(BadInput, match=said):
        read_delivery(tmp_path / "plan.yaml")


def test_weights_on_the_command_line():
    assert weights("10,50,100") == (10, 50, 100)
    with pytest.raises(BadInput, match="is not like"):
        weights("ten")


def moment(phase, *, done=True, observed=9.8):
    verdict = {"gate": "slo", "outcome": "Insufficient", "n": 12, "need": 100, "reason": "too few"}
    return shown_of(
        "trust",
        {
            "phase": phase,
            "message": "0/5 s",
            "attempt": {"id": "1-1", "candidate": {"version": "2"}, "stable": {"version": "1"}},
            "step": {"index": 0, "total": 2},
            "traffic": {"intended": 10, "applied": 10, "observed": observed, "mirror": 50},
            "judged": {"verdicts": [verdict]},
            "intent": {"done": done},
        },
    )


def test_a_picture_says_who_what_and_why(capsys):
    from rich.console import Console

    Console(width=120).print(picture(moment("Soaking")))
    said = capsys.readouterr().out
    for text in ("trust: 1 -> 2", "Soaking", "step 1/2", "seen 9.8 %", "copies of 50 %", "0/5 s", "slo", "12", "100"):
        assert text in said
    Console(width=120).print(picture(moment("Soaking", observed=None)))
    assert "seen not known" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [True, False])
def test_only_changes_are_lines_and_the_end_ends_it(capsys, as_json):
    soaking, undone, ended = moment("Soaking"), moment("Completed", done=False), moment("Completed")
    seen = iter([soaking, soaking, "the server is away", undone, ended, soaking])
    assert follow(seen, as_json=as_json) is ended
    lines = capsys.readouterr().out.splitlines()
    assert next(seen) is soaking
    if as_json:
        assert [json.loads(line).get("phase", "away") for line in lines] == [
            "Soaking",
            "away",
            "Completed",
            "Completed",
        ]
    else:
        assert "trust: 1 -> 2  Soaking 1/2 at 10 %: 0/5 s" in lines[0]


def test_a_rollout_that_nobody_looked_at_is_shown():
    shown = shown_of("trust", {}, "2")
    assert (shown.title, shown.phase, shown.finished) == ("trust: 2", "Idle", False)


def counted(split, version, value):
    labels = {"model": "trust", "version": version, "split": split, "outcome": "ok"}
    return Counted("predictor_split_requests_total", labels, value)


@pytest.mark.parametrize(
    ("weights", "routed", "expected"),
    [
        pytest.param({"1": 90, "2": 10}, "9", (1, 10), id="of the split that holds"),
        pytest.param({"2": 100}, "", (7, 7), id="of the last split once the candidate is the champion"),
        pytest.param({"1": 100}, "", (0, 0), id="none after the way back"),
    ],
)
def test_requests_are_those_of_one_split(weights, routed, expected):
    numbers = [counted("9", "1", 9.0), counted("9", "2", 1.0), counted("10", "2", 7.0)]
    found = requests_of(numbers, Said("1", weights, {}, routed, {}, {}), "2")
    assert (found.candidate, found.total) == expected


def test_counts_answer_selectors_with_a_range_also_after_a_restart(tmp_path):
    book = RolloutBook(tmp_path / "rollouts.db")
    book.open("trust", "2", "d", Plan.model_validate({"steps": [100]}), {}, Status(since=AT))
    kept = book.read("trust")
    first = Counts(book, "trust")
    first.keep(AT, [Counted(REQUESTS, {"model": "trust", "version": "1", "outcome": "ok"}, 5.0)], kept)
    for counts in (first, Counts(book, "trust")):
        (series,) = counts.query(f'{REQUESTS}{{model="trust",version="1"}}[60s]', AT)
        assert series.samples == ((AT.timestamp(), 5.0),)
        assert counts.query(f'{REQUESTS}{{model="trust",version="2"}}[60s]', AT) == ()
        with pytest.raises(BadInput, match="needs a Prometheus"):
            counts.query("up", AT)
