"""When pipelines run: one table, for the scheduler of one machine and for recurring runs on Kubeflow alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from scoreops.core.errors import BadInput, Unsupported

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
"""The zone in which the times of the table are meant: seven hours before UTC, without summer time."""
SCHEDULED_DAY: Final = "[[ScheduledTime.2006-01-02]]"
"""Argument: the day of the scheduled moment in UTC, as Kubeflow fills it in. Of a moment before seven in the morning in
Vietnam that is the day that has ended there."""
LANDING: Final = "${landing}"
"""Argument: the folder of delivered files, which an installation knows."""


@dataclass(frozen=True)
class Schedule:
    """A pipeline and its times.

    Attributes:
        pipeline: its compiled file, and the name of the schedule.
        cron: minute, hour, day, month, weekday (by its English name) in ZONE.
        meaning: one sentence for people.
        arguments: of the run; SCHEDULED_DAY and LANDING stand for what is known when and where it is due.
    """

    pipeline: str
    cron: str
    meaning: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, due: datetime, landing: str) -> dict[str, Any]:
        """The arguments of the run that is due at a moment, with files delivered to `landing`."""
        known = {SCHEDULED_DAY: due.astimezone(UTC).date().isoformat(), LANDING: landing}
        return {name: known.get(value, value) for name, value in self.arguments.items()}

    def times(self, after: datetime) -> Iterator[datetime]:
        """The moments after `after` at which it is due, for ever."""
        from apscheduler.triggers.cron import CronTrigger

        trigger, last = CronTrigger.from_crontab(self.cron, timezone=ZONE), after
        while (found := trigger.get_next_fire_time(None, last + timedelta(microseconds=1))) is not None:
            yield found
            last = found

    def due(self, since: datetime, now: datetime) -> datetime | None:
        """The last moment in (since, now] at which it was due, however many there were; None if there was none."""
        last = None
        for moment in self.times(since):
            if moment > now:
                break
            last = moment
        return last


SCHEDULES: Final = (
    Schedule(
        "kol_train",
        "5 0 * * *",
        "Every night: trust and success of influencers, on everything that the lake holds.",
        {"until": 0},
    ),
    Schedule(
        "sme_daily_etl",
        "0 2 * * *",
        "Every night: what companies delivered, up to the tables and predictions that people read.",
        {"as_of": SCHEDULED_DAY, "landing": LANDING, "predict": True},
    ),
    Schedule(
        "sme_train",
        "0 1 * * sun",
        "Every Sunday: late payments, cash and odd transactions, on the tables as they were built last.",
        {"as_of": ""},
    ),
    Schedule(
        "sme_external_sync",
        "30 7 1 * *",
        "On the first of every month: World Bank indicators and Vietnam's provinces.",
        {"as_of": SCHEDULED_DAY},
    ),
)


def schedule(pipeline: str) -> Schedule:
    """The schedule of a pipeline. Raises Unsupported with the names that there are."""
    found = {each.pipeline: each for each in SCHEDULES}
    if pipeline not in found:
        raise Unsupported(f"{pipeline!r} is not one of the scheduled pipelines {', '.join(found)}")
    return found[pipeline]


def recurring_run(each: Schedule) -> dict[str, Any]:
    """The body of POST /apis/v2beta1/recurringruns, but for the ids of the pipeline, which a deployment knows.

    Kubeflow counts in UTC and puts the second first. One run at a time; of missed runs only the last.
    """
    return {
        "display_name": each.pipeline,
        "description": f"{each.meaning} {each.cron} in {ZONE.key}.",
        "pipeline_version_reference": {"pipeline_id": f"${{{each.pipeline}}}"},
        "runtime_config": {"parameters": dict(each.arguments)},
        "max_concurrency": "1",
        "no_catchup": True,
        "mode": "ENABLE",
        "trigger": {"cron_schedule": {"cron": utc_cron(each.cron)}},
    }


WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def utc_cron(cron: str) -> str:
    """Six fields in UTC for a cron of five in ZONE, whose minute and hour are numbers.

    Raises BadInput where the day of the month would be another one in UTC, which no cron can say.
    """
    minute, hour, day, month, weekday = cron.split()
    if not (minute.isdigit() and hour.isdigit()):
        raise BadInput("minute and hour must be numbers", cron)
    moment = datetime(2026, 1, 7, int(hour), int(minute), tzinfo=ZONE).astimezone(UTC)
    shift = moment.day - 7
    if shift and (day, month) != ("*", "*"):
        raise BadInput(f"is on another day in UTC; choose an hour from 7 on in {ZONE.key}", cron)
    if shift and weekday != "*":
        weekday = WEEKDAYS[(WEEKDAYS.index(weekday) + shift) % 7]
    return f"0 {moment.minute} {moment.hour} {day} {month} {weekday.upper()}"
