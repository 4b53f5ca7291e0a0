"""The eight acts of a rollout, each as one write that may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from operators.build.event import event
from operators.build.names import (
    EVENTS,
    FINALIZER,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    MODEL_ROLLOUTS,
    ROLLOUT_ACTIONS,
    service_name,
)
from operators.build.route import http_route
from operators.build.service import inference_service
from operators.evaluating import Asking
from operators.parts import Parts
from operators.reading import Seen
from scoreops.core.errors import BadInput, FenceMoved
from scoreops.core.rollout_world import (
    Act,
    AnswerAction,
    ApplyService,
    EvaluateGates,
    Notify,
    Release,
    Retire,
    Route,
    SetAlias,
    SetWeight,
)


def act_on(parts: Parts, seen: Seen, act: Act) -> None:
    """Do it. Raises FenceMoved when what it stands on has moved, NotReady when somebody is away."""
    _ACTS[type(act)](parts, seen, act)


def _apply_service(parts: Parts, seen: Seen, act: ApplyService) -> None:
    if seen.spec is None:
        raise BadInput("the spec is invalid; nothing is deployed by it")
    body = inference_service(seen.namespace, seen.name, seen.model, act.version, seen.spec.target)
    parts.kube.apply(INFERENCE_SERVICES, body)


def _set_weight(parts: Parts, seen: Seen, act: SetWeight) -> None:
    route = Route(act.weights, act.mirror)
    body = http_route(seen.namespace, seen.name, seen.model, route, seen.gateway, seen.host)
    if act.expected:
        body["metadata"]["resourceVersion"] = act.expected
        parts.kube.apply(HTTP_ROUTES, body)
    elif not parts.kube.create(HTTP_ROUTES, body):
        raise FenceMoved("somebody else made the route")


def _set_alias(parts: Parts, seen: Seen, act: SetAlias) -> None:
    parts.registries.move(seen.model, act.alias, act.version, act.expected)


def _retire(parts: Parts, seen: Seen, act: Retire) -> None:
    name = service_name(seen.name, act.version)
    body = parts.kube.get(INFERENCE_SERVICES, seen.namespace, name)
    if body is not None:
        parts.kube.delete(INFERENCE_SERVICES, seen.namespace, name, body["metadata"]["uid"])


def _evaluate(parts: Parts, seen: Seen, act: EvaluateGates) -> None:
    key = f"{seen.namespace}/{seen.name}"
    parts.evaluator.ask(Asking(key, seen.body, seen.model, seen.status, act))


def _answer(parts: Parts, seen: Seen, act: AnswerAction) -> None:
    body = seen.actions.get(act.id)
    if body is None:
        return
    now = parts.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"status": {"accepted": act.accepted, "why": act.why, "at": now}}
    parts.kube.merge(ROLLOUT_ACTIONS, seen.namespace, body["metadata"]["name"], said, "status")


def _notify(parts: Parts, seen: Seen, act: Notify) -> None:
    parts.kube.create(EVENTS, event(seen.body, act, parts.settings.identity, parts.clock()))


def _release(parts: Parts, seen: Seen, _act: Release) -> None:
    meta = seen.body["metadata"]
    left = [one for one in meta.get("finalizers", ()) if one != FINALIZER]
    patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": left}}
    parts.kube.merge(MODEL_ROLLOUTS, seen.namespace, seen.name, patch)


_ACTS: Final[Mapping[type, Callable[[Parts, Seen, Any], None]]] = {
    ApplyService: _apply_service,
    SetWeight: _set_weight,
    SetAlias: _set_alias,
    Retire: _retire,
    EvaluateGates: _evaluate,
    AnswerAction: _answer,
    Notify: _notify,
    Release: _release,
}
