"""One fresh look at a rollout's object, its services, its route, its actions, and what providers say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Template
from typing import Any

from pydantic import ValidationError

from operators.api.rollout import LONGEST_NAME, Gateway, RolloutSpec, remembered
from operators.build.event import event_name
from operators.build.evidence import belongs, read_run, run_name
from operators.build.names import (
    EVENTS,
    GATE_RUNS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    LONGEST_HOST,
    PODS,
    ROLLOUT,
    ROLLOUT_ACTIONS,
    SERVED,
    backend_name,
    host_of,
    service_name,
)
from operators.build.route import read_route
from operators.build.service import failure_of, read_service, version_of
from operators.locking import allowed, held
from operators.parts import Parts
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_table import MEASURED
from scoreops.core.rollout_world import Action, Evaluation, Observed, Registry, Requests, Service, Verb

_DIGITS = 6
"""Versions have no more, for the length of names."""


@dataclass
class Seen:
    """A look: the object as it was read (or last written by us), what `decide` is told, and what acts need."""

    body: Manifest
    observed: Observed
    status: Status
    spec: RolloutSpec | None
    gateway: Gateway
    host: str
    actions: dict[str, Manifest]
    """By the id that `decide` knows."""

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def model(self) -> str:
        """The registry's name of the model; the API server lets no other change it."""
        return str(self.body["spec"]["source"]["mlflow"]["model"])


def read(parts: Parts, body: Manifest, refused: Service | None = None) -> Seen:
    """Everything about the object `body`; `refused` is a service that could not be made.

    Raises NotReady when the API server is away.
    """
    meta = body["metadata"]
    namespace, name = meta["namespace"], meta["name"]
    spec, error = _spec(body)
    status = remembered({"since": meta["creationTimestamp"]} | body.get("status", {}))
    gateway = (spec.target.gateway if spec else None) or parts.settings.gateway
    host = host_of(name, namespace, parts.settings.domain)
    actions = _open_actions(parts.kube.list(ROLLOUT_ACTIONS, namespace, fields=f"spec.rollout={name}"))
    route = read_route(parts.kube.get(HTTP_ROUTES, namespace, name), name, gateway, host)
    seen = Seen(body, Observed(status, None), status, spec, gateway, host, actions)
    services = list(_services(parts, seen))
    if refused is not None and all(one.version != refused.version for one in services):
        services.append(refused)
    seen.observed = Observed(
        status=status,
        plan=spec.plan if spec else None,
        generation=meta["generation"],
        plan_error=error,
        deleting="deletionTimestamp" in meta,
        registry=_registry(parts, seen),
        services=tuple(services),
        route=route,
        requests=_requests(parts, seen, parts.clock()),
        evaluations=_evaluations(parts, seen),
        actions=tuple(_action(key, action) for key, action in actions.items()),
        notified=_notified(parts, seen),
    )
    return seen


def _spec(body: Manifest) -> tuple[RolloutSpec | None, str]:
    """The spec, or what is wrong with it in a sentence."""
    meta = body["metadata"]
    try:
        spec = RolloutSpec.model_validate(body["spec"])
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"{'.'.join(map(str, first['loc'])) or 'spec'}: {first['msg'].removeprefix('Value error, ')}"
    host = f"{service_name(meta['name'], '9' * _DIGITS)}-predictor-{meta['namespace']}"
    if len(host) > LONGEST_HOST:
        most = min(LONGEST_NAME, len(meta["name"]) - (len(host) - LONGEST_HOST))
        return None, f"the name is too long for KServe: at most {most} characters in namespace {meta['namespace']}"
    return spec, ""


def _registry(parts: Parts, seen: Seen) -> Registry | None:
    if seen.spec is None:
        return None
    found = parts.registries.state(seen.spec.source.mlflow)
    return allowed(parts, seen.namespace, seen.name, seen.status, found)


def _services(parts: Parts, seen: Seen) -> Iterator[Service]:
    """Services of the rollout; not those that are only there because a fusion answers with them."""
    attempt, stays = seen.status.attempt, held(parts, seen.namespace)
    ours = {seen.status.stable, *((attempt.candidate, attempt.stable) if attempt else ())}
    for body in parts.kube.list(INFERENCE_SERVICES, seen.namespace, labels=f"{ROLLOUT}={seen.name}"):
        if body["metadata"]["name"] not in stays or version_of(body) in ours:
            yield _service(parts, seen, body)


def _open_actions(found: Sequence[Manifest]) -> dict[str, Manifest]:
    """Actions without an answer, the oldest first. A name that is used again is another action."""
    waiting = [one for one in found if "accepted" not in one.get("status", {})]
    named = {_action_id(one): one for one in waiting}
    return dict(sorted(named.items()))


def _action_id(body: Manifest) -> str:
    meta = body["metadata"]
    return f"{meta['creationTimestamp']}-{meta['name']}-{meta['uid'][:8]}"


def _action(key: str, body: Manifest) -> Action:
    spec = body["spec"]
    return Action(key, Verb(spec["verb"]), spec["by"], spec.get("attempt"))


def _service(parts: Parts, seen: Seen, body: Manifest) -> Service:
    attempt, version = seen.status.attempt, version_of(body)
    service = read_service(body)
    if attempt is None or version != attempt.candidate:
        return service
    if service.ready:
        return read_service(
            body, reported=parts.reported(server_url(parts, seen, version.version), seen.model, version.version)
        )
    if seen.status.place is Phase.DEPLOYING and not service.failed:
        labels = f"{SERVED}={body['metadata']['name']}"
        return read_service(body, failed=failure_of(parts.kube.list(PODS, seen.namespace, labels=labels)))
    return service


def server_url(parts: Parts, seen: Seen, version: str) -> str:
    """Where the server of a version answers, past the gateway."""
    service = backend_name(service_name(seen.name, version))
    return Template(parts.settings.server_url).substitute(service=service, namespace=seen.namespace)


def _requests(parts: Parts, seen: Seen, now: datetime) -> Requests | None:
    """Asked only where a decision needs it: a way back never waits for it."""
    status = seen.status
    attempt, start = status.attempt, status.traffic.settled_at
    if attempt is None or status.place not in {*MEASURED, Phase.DEPLOYING}:
        return None
    if start is None or not (status.traffic.intended or status.traffic.mirror):
        start = now
    key = f"{seen.namespace}/{seen.name}"
    return parts.counter.since(key, seen.namespace, seen.model, attempt, start, now)


def _evaluations(parts: Parts, seen: Seen) -> tuple[Evaluation, ...]:
    asked, judged = seen.status.asked, seen.status.judged
    if asked is None or (judged is not None and judged.id == asked.id):
        return ()
    body = parts.kube.get(GATE_RUNS, seen.namespace, run_name(seen.name, asked.id))
    return (read_run(body),) if body is not None and belongs(body, seen.body) else ()


def _notified(parts: Parts, seen: Seen) -> frozenset[str]:
    tried: list[Any] = [notice for notice in seen.status.notices if notice.tried_at is not None]
    there = (notice.id for notice in tried if parts.kube.get(EVENTS, seen.namespace, event_name(seen.name, notice.id)))
    return frozenset(there)
