"""Gates on what Prometheus counted: errors and slow answers, requests, and any other number.

Counters are read as raw samples and added up here, as PromQL's `increase` guesses what lies between the samples and the
ends of its window, and a test on counts needs counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from string import Template
from typing import Final, NamedTuple

from scoreops.core.errors import BadInput, NotReady
from scoreops.core.gates.answers import STALE_SECONDS, Question, first_version, needed, together
from scoreops.core.gates.checks import Labels, PromQuery, Slo, TrafficMin
from scoreops.core.gates.ports import Series
from scoreops.core.sequential import Limits
from scoreops.core.sequential_rates import Rates, judge_rates
from scoreops.core.verdict import Outcome, Verdict, invalid, judge

USUAL_SECONDS: Final = 3600
"""Of stable's counts from before the stage began, so much is taken as what is usual."""
REQUESTS: Final = "predictor_requests_total"
COPIES: Final = "predictor_shadow_total"
SECONDS: Final = "predictor_request_duration_seconds"
COPY_SECONDS: Final = "predictor_shadow_duration_seconds"
_ANSWERED: Final = ("ok", "error")


class Counts(NamedTuple):
    """Answers and bad ones among them: since the stage began, and in the hour before."""

    n: int
    bad: int
    usual_n: int
    usual_bad: int


def slo(spec: Slo, question: Question) -> Verdict:
    """Shares of errors and of slow answers against stable's; alpha is shared by both. `n` counts requests of both.

    Between 0 and 100 % requests are split at random, and that is what is tested. At 0 % the candidate has copies, at
    100 % stable has its hour before: there a Fail needs the margin, and rates that are steady.
    """
    trial = question.trial
    if trial.stable is None:
        return first_version(question)
    tests = [("errors", spec.margin, [_errors(question, version, spec.labels) for version in _versions(question)])]
    if spec.slow is not None:
        slow = [_slow(question, version, spec) for version in _versions(question)]
        tests.append((f"answers slower than {spec.slow.seconds:g} s", spec.slow.margin, slow))
    return together(question.gate, [_rates(question, *test, spec.alpha / len(tests)) for test in tests])


def _versions(question: Question) -> tuple[str, str]:
    assert question.trial.stable is not None
    return question.trial.stable, question.trial.candidate


def _rates(question: Question, what: str, margin: float, arms: list[Counts], alpha: float) -> Verdict:
    stable, candidate = arms
    weight, usual = question.trial.weight, None
    if weight >= 100:
        n, bad = stable.usual_n, stable.usual_bad
    else:
        n, bad = stable.n, stable.bad
        usual = (stable.usual_n, stable.usual_bad) if stable.usual_n else None
    split = 0 < weight < 100
    limits = Limits(margin, 0.0 if split else margin, alpha)
    share = weight / 100 if split else 0.5
    verdict = judge_rates(question.gate, Rates(n, bad, candidate.n, candidate.bad), limits, share=share, usual=usual)
    return replace(verdict, reason=f"{what}: {verdict.reason}")


def _errors(question: Question, version: str, labels: Labels) -> Counts:
    """Requests to one version and those without an answer; copies where the candidate has nothing else."""
    metric = COPIES if _copies(question, version) else REQUESTS
    series = _read(question, metric, version, labels)
    kept = [one for one in series if one.labels.get("outcome") in _ANSWERED]
    bad = [one for one in kept if one.labels["outcome"] == "error"]
    return Counts(*(_sum(question, some, usual=usual) for usual in (False, True) for some in (kept, bad)))


def _slow(question: Question, version: str, spec: Slo) -> Counts:
    assert spec.slow is not None
    metric = COPY_SECONDS if _copies(question, version) else SECONDS
    every = _read(question, f"{metric}_count", version, spec.labels)
    if not every:
        return Counts(0, 0, 0, 0)
    buckets = _read(question, f"{metric}_bucket", version, spec.labels)
    fast = [one for one in buckets if math.isclose(float(one.labels.get("le", "nan")), spec.slow.seconds)]
    if not fast:
        known = sorted({float(one.labels["le"]) for one in buckets if "le" in one.labels})
        raise BadInput(f"no bucket of {metric} ends at {spec.slow.seconds:g}; there are {known}", "slow.seconds")
    now, before = ((_sum(question, every, usual=usual), _sum(question, fast, usual=usual)) for usual in (False, True))
    return Counts(now[0], max(now[0] - now[1], 0), before[0], max(before[0] - before[1], 0))


def _copies(question: Question, version: str) -> bool:
    return question.trial.weight == 0 and version == question.trial.candidate


def traffic_min(spec: TrafficMin, question: Question) -> Verdict:
    """Pass after so many requests that the candidate answered itself."""
    n = _errors(question, question.trial.candidate, spec.labels).n if question.trial.weight else 0
    passed = n >= spec.requests
    outcome = Outcome.PASS if passed else Outcome.INSUFFICIENT
    reason = f"{n:,} requests to version {question.trial.candidate}, {spec.requests:,} are needed"
    if not passed and n and question.seconds > 0:
        hours = (spec.requests - n) / (n / question.seconds) / 3600
        reason = f"{reason}; at this pace in {hours:,.1f} hours"
    return Verdict(question.gate, outcome, n, spec.requests, float(n), float(spec.requests), reason)


def prom_query(spec: PromQuery, question: Question) -> Verdict:
    """A number between its limits. No number at all, or NaN, is Insufficient: nothing is not zero."""
    value = _number(spec.query, "query", question)
    counted = (0.0 if value is None else 1.0) if spec.samples is None else _number(spec.samples, "samples", question)
    if counted is not None and math.isinf(counted):
        return invalid(question.gate, "samples is infinite")
    n = 0 if value is None or counted is None else int(counted)
    if value is not None and math.isinf(value):
        return invalid(question.gate, "the query gives an infinite number", n)
    verdicts = []
    for limit, at_least in ((spec.at_least, True), (spec.at_most, False)):
        if limit is not None:
            seen = math.nan if value is None else value
            verdicts.append(
                judge(question.gate, seen, limit, n=n, need=spec.need, at_least=at_least, what="the query's number")
            )
    return together(question.gate, verdicts)


def _number(query: str, field: str, question: Question) -> float | None:
    """The one number that a query gives, None for nothing or NaN. Raises BadInput for several."""
    trial = question.trial
    names = {"model": trial.model, "stable": trial.stable or "", "candidate": trial.candidate}
    names |= {"namespace": trial.namespace, "seconds": str(max(int(question.seconds), 1))}
    written = Template(query).safe_substitute({name: _quoted(value)[1:-1] for name, value in names.items()})
    found = needed(question.sources.metrics, "Prometheus").query(written, question.now)
    if len(found) > 1:
        raise BadInput(f"gives {len(found)} numbers; aggregate them into one", field)
    if not found or not found[0].samples or math.isnan(found[0].samples[-1][1]):
        return None
    return found[0].samples[-1][1]


def _read(question: Question, metric: str, version: str, labels: Labels) -> tuple[Series, ...]:
    """Raw samples of a version's counters since an hour before the stage. Raises NotReady when the last ones are old.

    No series at all is no news: a version has counters from its first request on.
    """
    trial = question.trial
    chosen = {"model": trial.model, "version": version}
    chosen |= {name: Template(value).safe_substitute(namespace=trial.namespace) for name, value in labels.items()}
    window = math.ceil(question.seconds) + USUAL_SECONDS
    matchers = ",".join(f"{name}={_quoted(value)}" for name, value in chosen.items())
    source = needed(question.sources.metrics, "Prometheus")
    found = source.query(f"{metric}{{{matchers}}}[{max(window, 1)}s]", question.now)
    newest = max((one.samples[-1][0] for one in found if one.samples), default=None)
    if newest is not None and question.now.timestamp() - newest > STALE_SECONDS:
        age = question.now.timestamp() - newest
        raise NotReady(f"Prometheus last read version {version} {age:,.0f} s ago: its target is away")
    return found


def _sum(question: Question, series: Iterable[Series], *, usual: bool) -> int:
    since = question.trial.since
    window = (since - timedelta(seconds=USUAL_SECONDS), since) if usual else (since, question.now)
    return round(sum(grown(one.samples, *window, new=not usual) for one in series))


def grown(samples: Iterable[tuple[float, float]], start: datetime, end: datetime, *, new: bool) -> float:
    """By how much a counter grew after `start` and until `end`, over restarts, which begin at 0.

    A counter without a sample until `start` began at 0 then, if it is `new`; else its first sample is where it began.
    """
    last: float | None = 0.0 if new else None
    total = 0.0
    for at, value in samples:
        if math.isnan(value) or at > end.timestamp():
            continue
        if at > start.timestamp() and last is not None:
            total += value - last if value >= last else value
        last = value
    return total


def _quoted(value: str) -> str:
    """As a string of PromQL, whose escapes are those of Go: JSON's will do."""
    return json.dumps(value)
