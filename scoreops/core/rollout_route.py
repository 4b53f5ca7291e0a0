"""Traffic: what was read back, whether metrics agree, and the one write of the route that may be due."""

from __future__ import annotations

import math

from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Phase, Status, Version
from scoreops.core.rollout_view import View, wanted_route
from scoreops.core.rollout_world import Requests, Route, SetWeight

_SLACK_PERCENT = 1.0
_SIGMAS = 3.0
_QUIET_SECONDS = 60
"""After so long without a request the route's word is taken: nobody is there to be counted."""
_FEW = 30
"""So many requests of the last moments say more than all since the route changed."""


def read_back(view: View) -> Status:
    """The status with what the route and the metrics say now; a route that somebody else changed is noticed."""
    status, route, attempt = view.status, view.observed.route, view.status.attempt
    wanted = wanted_route(status)
    settled = wanted is not None and route.same(wanted)
    traffic, requests = status.traffic, view.observed.requests
    drifted = traffic.settled and not settled
    applied = route.weights.get(attempt.candidate.version, 0) if attempt else 0
    share = _told(requests).percent if requests is not None and attempt is not None else None
    update = {
        "applied": applied,
        "observed": None if share is None else round(share, 1),
        "settled": settled,
        "settled_at": (traffic.settled_at or view.now) if settled else None,
    }
    traffic = traffic.model_copy(update=update)
    status = status.model_copy(update={"traffic": traffic})
    if verified(view.into(status)) and traffic.verified_at is None:
        status = status.model_copy(update={"traffic": traffic.model_copy(update={"verified_at": view.now})})
    if attempt is not None and applied == 100 and status.phase is Phase.PROMOTING and not attempt.full:
        status = status.model_copy(update={"attempt": attempt.model_copy(update={"full": True})})
    return status.noticing("DriftCorrected", "the route was changed by somebody else") if drifted else status


def verified(view: View) -> bool:
    """Whether the route was read back as wanted, and the requests counted since then do not speak against it.

    The share seen may differ from the weight by one point and three standard deviations of a binomial share: that of
    all requests since then, or that of the last moments, as the gateway may have followed late. Nobody asking for a
    minute is no contradiction, nor is nobody asking for a first version at all; not knowing who asked is.
    """
    requests, traffic = view.observed.requests, view.status.traffic
    if requests is None or not traffic.settled:
        return False
    if requests.percent is None:
        attempt = view.status.attempt
        quiet = traffic.settled_at is not None and view.elapsed(traffic.settled_at) >= _QUIET_SECONDS
        return quiet or (attempt is not None and attempt.stable is None)
    return _fits(requests, traffic.intended) or _fits(_told(requests), traffic.intended)


def _told(requests: Requests) -> Requests:
    """What says most about the weight now."""
    lately = requests.lately
    return lately if lately is not None and lately.total >= _FEW else requests


def _fits(requests: Requests, intended: int) -> bool:
    assert requests.percent is not None
    weight = intended / 100
    sigma = 100 * math.sqrt(weight * (1 - weight) / requests.total)
    return abs(requests.percent - intended) <= _SLACK_PERCENT + _SIGMAS * sigma


def on_stable(view: View) -> bool:
    """Whether the API server's route gives the candidate nothing; no metrics are asked."""
    wanted, route, attempt = view.wanted_route(), view.observed.route, view.attempt
    if wanted is None:
        return not route.weights.get(attempt.candidate.version, 0)
    return route.same(wanted)


def proved(status: Status) -> bool:
    """Whether a Pass is stored for every stage before the weight that is wanted."""
    attempt, step = status.attempt, status.step
    if attempt is None or not (status.traffic.intended or status.traffic.mirror):
        return True
    if not status.traffic.intended:
        return status.has("preflight")
    return all(status.has(stage) for stage in stages_before(attempt.plan, attempt.stable, step.index if step else 0))


def stages_before(plan: Plan, stable: Version | None, index: int) -> tuple[str, ...]:
    """The stages that must have passed before the weight of step `index`."""
    if stable is None:
        return ("preflight",)
    shadow = ("shadow",) if plan.shadow is not None else ()
    return ("preflight", *shadow, *(name for one in range(index) for name in step_stages(plan, one)))


def step_stages(plan: Plan, index: int) -> tuple[str, ...]:
    """What must have passed to leave a step: its gates, and a person if the step says so."""
    return (f"step-{index}", f"approval-{index}") if plan.steps[index].approval else (f"step-{index}",)


def set_weight(view: View) -> SetWeight | None:
    """The write that makes the route as wanted, if it is due and sends nobody to a version that cannot serve."""
    wanted, route = view.wanted_route(), view.observed.route
    if wanted is None or route.same(wanted) or not _allowed(view, wanted):
        return None
    attempt = view.status.attempt
    shares = ",".join(f"{version}={share}" for version, share in sorted(wanted.weights.items()))
    mirror = "".join(f"+{version}~{share}" for version, share in sorted(wanted.mirror.items()))
    name = f"{attempt.id if attempt else 'rest'}-SetWeight-{shares}{mirror}"
    return SetWeight(name, wanted.weights, wanted.mirror, route.revision)


def _allowed(view: View, wanted: Route) -> bool:
    """Whether every version that would get more can serve it, and the candidate's rise is proved and not held."""
    attempt, route = view.status.attempt, view.observed.route
    for version in {*wanted.weights, *wanted.mirror}:
        more = wanted.weights.get(version, 0) > route.weights.get(version, 0)
        copied = wanted.mirror.get(version, 0) > route.mirror.get(version, 0)
        if not (more or copied):
            continue
        if attempt is not None and version == attempt.candidate.version and attempt.candidate != view.status.stable:
            if view.held or view.blind or not proved(view.status) or not view.serving(attempt.candidate):
                return False
        elif not any(one.version.version == version and one.ready for one in view.observed.services):
            return False
    return True
