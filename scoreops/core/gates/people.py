"""Gates that ask no numbers: who said yes, and whether it is the hour for it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scoreops.core.errors import BadInput
from scoreops.core.gates.answers import Question
from scoreops.core.gates.checks import DAYS, Approval, Schedule, Window
from scoreops.core.verdict import Outcome, Verdict

_DAYS_AHEAD = 8
"""A window that opens at all opens within a week and a day."""


def approval(spec: Approval, question: Question) -> Verdict:
    """Pass once enough people who may have said yes; `n` and `need` count people."""
    trial = question.trial
    counted = sorted(
        {
            yes.by
            for yes in trial.approvals
            if (not spec.groups or set(spec.groups) & set(yes.groups))
            and not (spec.not_author and trial.author and yes.by == trial.author)
        }
    )
    passed = len(counted) >= spec.count
    of = f" of {' or '.join(spec.groups)}" if spec.groups else ""
    said = f"approved by {', '.join(counted)}" if counted else "approved by nobody"
    reason = said if passed else f"{said}; {spec.count - len(counted)} more{of} must create a RolloutAction Approve"
    outcome = Outcome.PASS if passed else Outcome.INSUFFICIENT
    return Verdict(question.gate, outcome, len(counted), spec.count, None, None, reason)


def schedule(spec: Schedule, question: Question) -> Verdict:
    """Pass within a window and outside of every freeze; else Insufficient, with when it opens. Never a Fail."""
    try:
        zone = ZoneInfo(spec.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"{spec.timezone!r} is no time zone", "timezone") from error
    now = question.now.astimezone(zone)
    if _open(spec, now):
        return Verdict(question.gate, Outcome.PASS, 1, 1, None, None, f"open at {now:%a %H:%M} {spec.timezone}")
    frozen = next((one for one in spec.freezes if one.start <= now < one.end), None)
    why = f"frozen{': ' + frozen.reason if frozen.reason else ''}" if frozen else f"closed at {now:%a %H:%M}"
    later = _next(spec, now)
    when = f"opens {later:%a %Y-%m-%d %H:%M} {spec.timezone}" if later else "does not open within the days ahead"
    return Verdict(question.gate, Outcome.INSUFFICIENT, 0, 1, None, None, f"{why}; {when}")


def _open(spec: Schedule, now: datetime) -> bool:
    if any(one.start <= now < one.end for one in spec.freezes):
        return False
    return not spec.windows or any(_within(window, now) for window in spec.windows)


def _within(window: Window, now: datetime) -> bool:
    """Whether `now` is in the window that began today, or in yesterday's that passes midnight."""
    at, today = now.timetz().replace(tzinfo=None), now.date()
    if window.start < window.end:
        return _on(window, today) and window.start <= at < window.end
    return (_on(window, today) and at >= window.start) or (_on(window, today - timedelta(days=1)) and at < window.end)


def _on(window: Window, day: date) -> bool:
    return DAYS[day.weekday()] in window.days


def _next(spec: Schedule, now: datetime) -> datetime | None:
    """The first moment after `now` that is open: the start of a window, or the end of a freeze."""
    ends = [one.end.astimezone(now.tzinfo) for one in spec.freezes]
    first = max([now, *ends]).date() + timedelta(days=_DAYS_AHEAD)
    days = [now.date() + timedelta(days=ahead) for ahead in range((first - now.date()).days + 1)]
    starts = {window.start for window in spec.windows} | {time(0)}
    asked = [datetime.combine(day, start, now.tzinfo) for day in days for start in starts] + ends
    return min((at for at in asked if at > now and _open(spec, at)), default=None)
