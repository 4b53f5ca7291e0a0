"""Gates on Prometheus: counts are exact over restarts, nothing is not zero, and who is away makes Unknown."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from scoreops.core.gates.evaluate import evaluate
from scoreops.core.gates.ports import Sources
from scoreops.core.gates.spec import GateSpec
from scoreops.core.gates.traffic import grown
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import NOW, SINCE, Counted, number, requests, trial, verdict

SLO = {"slo": {"slow": None}}


def slow(stable, candidate):
    """Counters of (answers, slower than a quarter of a second)."""
    world = requests((stable[0], 0), (candidate[0], 0))
    for version, (n, late) in (("1", stable), ("2", candidate)):
        world.counters["predictor_request_duration_seconds_count", version, ""] = [(-61, 0), (-1, n)]
        for le, value in (("0.25", n - late), ("1.0", n), ("+Inf", n)):
            world.counters["predictor_request_duration_seconds_bucket", version, le] = [(-61, 0), (-1, value)]
    return world


@pytest.mark.parametrize(
    ("metrics", "asked", "outcome", "said"),
    [
        pytest.param(requests((9000, 90), (1000, 80)), trial(), O.FAIL, "shown to be above 0", id="errors in a split"),
        pytest.param(requests((45_000, 9), (5000, 1)), trial(), O.PASS, "below 0.005", id="as good in a split"),
        pytest.param(requests((90, 0), (10, 0)), trial(), O.INSUFFICIENT, "more at what was seen", id="little traffic"),
        pytest.param(Counted(), trial(), O.INSUFFICIENT, "0 answers of the candidate", id="no series: not zero errors"),
        pytest.param(
            requests((9000, 9), (9000, 600), metric="predictor_shadow_total"),
            trial("shadow", 0),
            O.FAIL,
            "above 0.005",
            id="copies that fail, before any traffic",
        ),
        pytest.param(
            requests((0, 0), (9000, 600), usual=(9000, 9)),
            trial("bake", 100),
            O.FAIL,
            "above 0.005",
            id="at 100 % against stable's hour before",
        ),
        pytest.param(
            requests((0, 0), (9000, 9), usual=(9000, 9)), trial("bake", 100), O.PASS, "below", id="at 100 %, as good"
        ),
        pytest.param(requests(), trial(stable=None), O.PASS, "first version", id="nobody to compare with"),
    ],
)
def test_errors(metrics, asked, outcome, said):
    found = verdict(SLO, asked, metrics=metrics)
    assert (found.outcome, said in found.reason) == (outcome, True), found
    assert found.outcome is not O.PASS or found.n >= found.need > 0


@pytest.mark.parametrize(
    ("stable", "candidate", "outcome"),
    [
        pytest.param((45_000, 450), (5000, 50), O.PASS, id="as fast"),
        pytest.param((45_000, 450), (5000, 500), O.FAIL, id="slower"),
        pytest.param((45, 4), (5, 0), O.INSUFFICIENT, id="too few"),
    ],
)
def test_slow_answers(stable, candidate, outcome):
    assert verdict({"slo": {"margin": 0.01}}, metrics=slow(stable, candidate)).outcome is outcome


def test_a_latency_between_the_buckets_is_invalid():
    found = verdict({"slo": {"slow": {"seconds": 0.3}}}, metrics=slow((100, 1), (100, 1)))
    assert found.outcome is O.INVALID
    assert "no bucket" in found.reason


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        pytest.param(SLO, trial(), id="slo"),
        pytest.param({"trafficMin": {"requests": 5}}, trial(), id="trafficMin"),
        pytest.param({"promQuery": {"query": "x", "atMost": 1}}, trial(), id="promQuery"),
    ],
)
def test_prometheus_away_is_unknown_and_none_set_up_is_invalid(spec, asked):
    assert verdict(spec, asked, metrics=Counted(away=True)).outcome is O.UNKNOWN
    assert verdict(spec, asked).outcome is O.INVALID


def test_counters_that_nobody_reads_any_more_are_unknown():
    world = requests((9000, 9), (1000, 1))
    world.counters["predictor_requests_total", "2", "ok"] = [(-30, 400), (-5, 999)]
    world.counters["predictor_requests_total", "2", "error"] = [(-30, 0), (-5, 1)]
    found = verdict(SLO, metrics=world)
    assert found.outcome is O.UNKNOWN
    assert "version 2 300 s ago" in found.reason


@pytest.mark.parametrize(
    ("candidate", "weight", "outcome", "n"),
    [
        pytest.param(500, 10, O.PASS, 500, id="enough"),
        pytest.param(10, 10, O.INSUFFICIENT, 10, id="too few"),
        pytest.param(500, 0, O.INSUFFICIENT, 0, id="copies are no traffic"),
    ],
)
def test_traffic_min(candidate, weight, outcome, n):
    found = verdict({"trafficMin": {"requests": 100}}, trial(weight=weight), metrics=requests((0, 0), (candidate, 0)))
    assert (found.outcome, found.n, found.need) == (outcome, n, 100)


def test_traffic_says_when_it_will_be_enough():
    found = verdict({"trafficMin": {"requests": 100}}, metrics=requests((0, 0), (10, 0)))
    assert "9.0 hours" in found.reason


QUERY = 'q{m="m",v="2",s="3600"}'


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(number(0.5), O.PASS, id="within"),
        pytest.param(number(2.0), O.FAIL, id="above"),
        pytest.param(number(-1.0), O.FAIL, id="below"),
        pytest.param(number(math.nan), O.INSUFFICIENT, id="NaN"),
        pytest.param(number(math.inf), O.INVALID, id="infinite"),
        pytest.param((), O.INSUFFICIENT, id="nothing is not zero"),
        pytest.param(number(0.5) * 2, O.INVALID, id="several numbers"),
    ],
)
def test_prom_query(answer, outcome):
    spec = {"promQuery": {"query": 'q{m="$model",v="$candidate",s="$seconds"}', "atLeast": 0, "atMost": 1}}
    world = Counted(answers={QUERY: answer})
    assert verdict(spec, metrics=world).outcome is outcome
    assert world.asked == [QUERY]


@pytest.mark.parametrize(
    ("samples", "outcome", "n"),
    [
        (number(50), O.PASS, 50),
        (number(49), O.INSUFFICIENT, 49),
        ((), O.INSUFFICIENT, 0),
        (number(math.inf), O.INVALID, 0),
    ],
)
def test_samples_of_a_query(samples, outcome, n):
    spec = {"promQuery": {"query": "x", "atMost": 1, "samples": "n", "need": 50}}
    found = verdict(spec, metrics=Counted(answers={"x": number(0.5), "n": samples}))
    assert (found.outcome, found.n) == (outcome, n)


def test_what_one_gate_stumbles_over_is_not_the_others_trouble():
    class Odd(Counted):
        def query(self, query, at):
            if query == "odd":
                raise ZeroDivisionError("division by zero")
            return super().query(query, at)

    gates = {name: GateSpec.model_validate({"promQuery": {"query": name, "atMost": 1}}) for name in ("odd", "fine")}
    found = evaluate(gates, trial(), Sources(metrics=Odd(answers={"fine": number(0.5)})), NOW)
    assert [(one.gate, one.outcome) for one in found] == [("odd", O.INVALID), ("fine", O.PASS)]
    assert found[0].reason == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("samples", "new", "expected"),
    [
        pytest.param([], True, 0, id="no sample"),
        pytest.param([(-90, 5), (-70, 7), (-30, 10), (-1, 12)], True, 5, id="from the last sample before"),
        pytest.param([(-30, 10), (-1, 12)], True, 12, id="a new counter began at 0"),
        pytest.param([(-30, 10), (-1, 12)], False, 2, id="an old one where it was first seen"),
        pytest.param([(-70, 90), (-30, 100), (-20, 3), (-1, 4)], True, 14, id="a restart begins at 0"),
        pytest.param([(-70, 1), (-30, math.nan), (-1, 4)], True, 3, id="NaN is no sample"),
        pytest.param([(-70, 1), (-30, 2), (5, 9)], True, 1, id="nothing after the end"),
    ],
)
def test_growth_of_a_counter(samples, new, expected):
    points = [(NOW.timestamp() + 60 * minute, value) for minute, value in samples]
    assert grown(points, SINCE, NOW, new=new) == expected
    assert grown(points, SINCE - timedelta(days=9), SINCE - timedelta(days=8), new=True) == 0
