"""The one act that is due: the difference between the world as it is and as the stored status wants it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from scoreops.core.rollout_aliases import alias_move
from scoreops.core.rollout_gates import evaluation, warm
from scoreops.core.rollout_interrupts import keeps
from scoreops.core.rollout_route import set_weight
from scoreops.core.rollout_status import Intent, Phase, Status, Version
from scoreops.core.rollout_table import DEPLOYED, ENDING
from scoreops.core.rollout_view import View, later
from scoreops.core.rollout_world import Act, AnswerAction, ApplyService, Notify, Release, Retire, SetWeight

_LONGEST_REST_SECONDS = 30
_TRAFFIC_REST_SECONDS = 2
_ANSWER_REST_SECONDS = 5


def next_act(view: View) -> tuple[Status, Act | None, datetime | None]:
    """The status to write before acting, the act, and when a failed one may be tried again.

    An act whose effect was not read back rests for 1, 2, 4 ... 30 seconds (traffic: at most 2); what does not depend
    on it goes on.
    """
    due, status = next(_changes(view), None), view.status
    retry = None
    intent = status.intent
    if due is None or (intent is not None and intent.id != due.id):
        intent = intent.model_copy(update={"done": True}) if intent and not intent.done else intent
        status = status.model_copy(update={"intent": intent})
    if due is not None:
        retry = _rest_over(intent) if intent is not None and intent.id == due.id and not intent.done else None
        if retry is None or view.now >= retry:
            tries = intent.tries + 1 if intent is not None and intent.id == due.id and not intent.done else 1
            written = Intent(id=due.id, kind=due.kind, tries=tries, tried_at=view.now)
            return status.model_copy(update={"intent": written}), due, None
    asked = evaluation(view.into(status))
    if asked is not None:
        return *asked, None
    return (*_told(view.into(status)), retry)


def _rest_over(intent: Intent) -> datetime:
    longest = _TRAFFIC_REST_SECONDS if intent.kind == SetWeight.kind else _LONGEST_REST_SECONDS
    return later(intent.tried_at, min(2 ** (intent.tries - 1), longest))


def _changes(view: View) -> Iterator[Act]:
    """Acts on the world that are due, most urgent first."""
    if view.status.phase is Phase.TERMINATING:
        yield from _leaving(view)
        return
    weight = set_weight(view)
    if weight is not None:
        yield weight
    for version in _needed(view):
        if view.service(version) is None:
            yield ApplyService(f"{_owner(view)}-ApplyService-{version.version}", version)
    alias = alias_move(view)
    if alias is not None:
        yield alias
    yield from _left_over(view)


def _leaving(view: View) -> Iterator[Act]:
    """Deletion: traffic to stable (waiting for it), leftovers removed, people told, finalizer dropped.

    Where everything goes, there is nothing to go back to and nobody who could be told.
    """
    attempt, wanted = view.status.attempt, view.wanted_route()
    release = Release(f"{attempt.id if attempt else 'rest'}-Release")
    if view.observed.all_goes:
        yield release
        return
    first = attempt is not None and attempt.stable is None and attempt.candidate != view.status.stable
    if not keeps(view) and not first and wanted is not None:
        weight = set_weight(view)
        if weight is not None:
            yield weight
        if not view.observed.route.same(wanted):
            return
        yield from _left_over(view)
    if not view.status.notices or view.elapsed() >= _LONGEST_REST_SECONDS:
        yield release


def _owner(view: View) -> str:
    return view.status.attempt.id if view.status.attempt else "rest"


def _needed(view: View) -> list[Version]:
    """Versions that must have a service now: the stable one always, the candidate while it is on its way."""
    status, attempt = view.status, view.status.attempt
    needed = [status.stable]
    if attempt is not None:
        if status.place in DEPLOYED:
            needed.append(attempt.candidate)
        if status.place in DEPLOYED or status.phase in ENDING or warm(view):
            needed.append(attempt.stable)
    return list(dict.fromkeys(one for one in needed if one is not None))


def _left_over(view: View) -> Iterator[Act]:
    """Services that nobody needs any more and that have no traffic; the failed candidate goes after abortDelay."""
    status, attempt, route = view.status, view.status.attempt, view.observed.route
    if status.phase in {Phase.RESOLVING, *ENDING}:
        return
    kept = {version.version for version in _needed(view)}
    if attempt is not None and attempt.stable is None:
        kept |= {version for version, share in route.weights.items() if share}
    fresh = attempt is not None and view.elapsed() < attempt.plan.abort_delay_seconds
    if attempt is not None and fresh and status.phase in {Phase.ROLLED_BACK, Phase.SUPERSEDED}:
        kept.add(attempt.candidate.version)
    for service in view.observed.services:
        name = service.version.version
        if name not in kept and not route.weights.get(name, 0) and not route.mirror.get(name, 0):
            yield Retire(f"{_owner(view)}-Retire-{name}", name)


def _told(view: View) -> tuple[Status, Act | None]:
    """The oldest answer or notice that was not delivered and has rested."""
    status = view.status
    for place, answer in enumerate(status.answers):
        if not answer.told and _rested(view, answer.tried_at):
            one = answer.model_copy(update={"tried_at": view.now})
            answers = (*status.answers[:place], one, *status.answers[place + 1 :])
            act = AnswerAction(answer.action, answer.accepted, answer.why)
            return status.model_copy(update={"answers": answers}), act
    for place, notice in enumerate(status.notices):
        if _rested(view, notice.tried_at):
            sent = notice.model_copy(update={"tried_at": view.now})
            notices = (*status.notices[:place], sent, *status.notices[place + 1 :])
            return status.model_copy(update={"notices": notices}), Notify(notice.id, notice.reason, notice.message)
    return status, None


def _rested(view: View, tried_at: datetime | None) -> bool:
    return tried_at is None or view.elapsed(tried_at) >= _ANSWER_REST_SECONDS
