"""Schedules: the moments that the table names, missed ones as one, and the same on Kubeflow, which counts in UTC."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

import kfp_server_api
import pytest
import yaml
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from kfp_pipelines.schedules import (
    LANDING,
    SCHEDULED_DAY,
    SCHEDULES,
    WEEKDAYS,
    ZONE,
    Schedule,
    recurring_run,
    schedule,
    utc_cron,
)
from scoreops.core.errors import BadInput, Unsupported
from scoreops.local.scheduler import write_recurring_runs

PIPELINES = Path(__file__).resolve().parents[2] / "kfp_pipelines"
GOLDEN = PIPELINES / "recurring"
START = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pipeline", "moments"),
    [
        pytest.param("kol_train", ["2026-02-20T17:05", "2026-02-21T17:05", "2026-02-22T17:05"], id="00:05 each night"),
        pytest.param("sme_daily_etl", ["2026-02-20T19:00", "2026-02-21T19:00"], id="02:00 each night"),
        pytest.param("sme_train", ["2026-02-21T18:00", "2026-02-28T18:00"], id="Sunday 01:00"),
        pytest.param("sme_external_sync", ["2026-03-01T00:30", "2026-04-01T00:30"], id="07:30 on the first"),
    ],
)
def test_a_pipeline_is_due_at_these_moments(pipeline, moments):
    found = list(islice(schedule(pipeline).times(START), len(moments)))
    assert [at.astimezone(UTC).isoformat()[:16] for at in found] == moments


@pytest.mark.parametrize("each", SCHEDULES, ids=lambda each: each.pipeline)
def test_every_scheduled_pipeline_is_compiled_and_takes_its_arguments(each):
    (document,) = yaml.safe_load_all((PIPELINES / "compiled" / f"{each.pipeline}.yaml").read_text())
    taken = document["root"].get("inputDefinitions", {}).get("parameters", {})
    assert set(each.arguments) <= set(taken)
    needed = {name for name, one in taken.items() if not one.get("isOptional")}
    assert needed <= set(each.arguments)
    for name, value in each.arguments.items():
        kind = taken[name]["parameterType"]
        assert {"NUMBER_INTEGER": int, "STRING": str, "BOOLEAN": bool}[kind] is type(value)


def test_no_two_schedules_are_of_one_pipeline():
    assert len({each.pipeline for each in SCHEDULES}) == len(SCHEDULES)
    with pytest.raises(Unsupported, match="'kol_retrain' is not one of the scheduled pipelines kol_train"):
        schedule("kol_retrain")


def test_the_scheduled_day_is_the_one_that_has_ended_in_vietnam():
    made = Schedule("x", "0 2 * * *", "", {"as_of": SCHEDULED_DAY, "n": 3, "landing": LANDING})
    due = next(made.times(START))
    assert due.astimezone(ZONE).isoformat() == "2026-02-21T02:00:00+07:00"
    assert made.filled(due, "in") == {"as_of": "2026-02-20", "n": 3, "landing": "in"}


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 10**6), st.integers(0, 10**6))
def test_however_many_runs_were_missed_one_is_due_and_it_is_the_last(hour, minute, since_s, length_s):
    made = Schedule("x", f"{minute} {hour} * * *", "")
    since = START + timedelta(seconds=since_s)
    now = since + timedelta(seconds=length_s)
    due = made.due(since, now)
    every = list(takewhile(lambda at: at <= now, made.times(since)))
    assert due == (every[-1] if every else None)
    assert len(every) in (length_s // 86_400, length_s // 86_400 + 1)
    if due:
        assert made.due(due, now) is None
        assert (due.astimezone(ZONE).hour, due.astimezone(ZONE).minute) == (hour, minute)


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(("*", *WEEKDAYS)))
def test_kubeflow_starts_at_the_same_moments(hour, minute, weekday):
    cron = f"{minute} {hour} * * {weekday}"
    second, *five = utc_cron(cron).split()
    assert second == "0"
    other, now, found = CronTrigger.from_crontab(" ".join(five), timezone=UTC), START, []
    for _ in range(20):
        now = other.get_next_fire_time(None, now + timedelta(microseconds=1))
        found.append(now)
    assert found == list(islice(Schedule("x", cron, "").times(START), 20))


def test_a_day_of_the_month_that_utc_does_not_share_is_refused():
    assert utc_cron("30 7 1 * *") == "0 30 0 1 * *"
    with pytest.raises(BadInput, match="choose an hour from 7 on in Asia/Ho_Chi_Minh"):
        utc_cron("30 6 1 * *")
    with pytest.raises(BadInput, match="must be numbers"):
        utc_cron("*/5 * * * *")


@pytest.mark.parametrize("each", SCHEDULES, ids=lambda each: each.pipeline)
def test_recurring_runs_are_what_kubeflows_own_client_knows(each):
    known = kfp_server_api.V2beta1RecurringRun
    body = recurring_run(each)
    assert set(body) <= set(known.attribute_map.values())
    assert known(**body).no_catchup
    assert set(body["trigger"]["cron_schedule"]) <= set(kfp_server_api.V2beta1CronSchedule.attribute_map.values())
    assert len(body["trigger"]["cron_schedule"]["cron"].split()) == 6


def test_the_recurring_runs_are_those_of_the_table(tmp_path):
    folder = GOLDEN if os.environ.get("REGEN") else tmp_path
    made = write_recurring_runs(SCHEDULES, folder)
    assert {file.name: file.read_text() for file in made} == {file.name: file.read_text() for file in GOLDEN.iterdir()}
    assert all(json.loads(file.read_text())["display_name"] == file.stem for file in made)
