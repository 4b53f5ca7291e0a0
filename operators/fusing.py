"""One turn of a fusion: what its revision should be, whether all of it answers, and the write that makes it so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from operators.api.fusion import FusionSpec, FusionStatus, MemberVersion, Revision
from operators.api.rollout import Condition, remembered
from operators.build.fusion import (
    following,
    fused_route,
    fusion_service,
    incompatible,
    kept,
    over,
    revision_of,
    schedule,
    services_of,
    target_of,
    way_back,
)
from operators.build.names import (
    DEPLOYMENTS,
    FUSION,
    FUSIONS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    MODEL_ROLLOUTS,
    ROLLOUT_ACTIONS,
    host_of,
)
from operators.build.service import read_service
from operators.parts import Parts
from scoreops.adapters.kube import Manifest
from scoreops.core.errors import NotReady
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import Verb

LOOK_S: Final = 10.0
Found = tuple[bool, str, str]
"""Whether a condition holds, its reason and its message."""


@dataclass
class _Look:
    body: Manifest
    spec: FusionSpec
    status: FusionStatus
    rollouts: Mapping[str, Manifest]
    now: datetime

    def memory(self, rollout: str) -> Status | None:
        body = self.rollouts.get(rollout)
        if body is None or "status" not in body:
            return None
        return remembered(body["status"])


class FusionWorld:
    """The turns of one Fusion."""

    def __init__(self, parts: Parts, namespace: str, name: str) -> None:
        self._parts, self._namespace, self._name = parts, namespace, name
        self._host = host_of(name, namespace, parts.settings.domain)

    def turn(self) -> float | None:
        """Look and do what is due. Returns in how many seconds to look again, None when it is gone."""
        parts = self._parts
        body = parts.kube.get(FUSIONS, self._namespace, self._name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return None
        try:
            spec = FusionSpec.model_validate(body["spec"])
        except ValidationError as error:
            raise NotReady(f"the spec is invalid: {error.errors()[0]['msg']}") from error
        names = [member.rollout for member in spec.members]
        found = {name: parts.kube.get(MODEL_ROLLOUTS, self._namespace, name) for name in names}
        status = FusionStatus.model_validate(body.get("status", {}))
        look = _Look(body, spec, status, {k: v for k, v in found.items() if v is not None}, parts.clock())
        parts.lease.check()
        status, conditions = self._served(look, self._unlocked(look))
        self._store(look, status, conditions | {"Deciding": self._decides(look)})
        return LOOK_S

    def _unlocked(self, look: _Look) -> FusionStatus:
        status = look.status
        if status.in_flight and over(look.memory(status.in_flight), status.in_flight_since, look.now):
            status = status.model_copy(update={"in_flight": "", "in_flight_since": None})
        return status

    def _served(self, look: _Look, status: FusionStatus) -> tuple[FusionStatus, dict[str, Found]]:
        """Bring the wanted revision into service if all of it can answer. Returns the status and its conditions."""
        back = target_of(look.spec, status)
        wanted, said = (back, "") if back is not None else self._wanted(look, status)
        if wanted is None:
            return status, {"MembersReady": (False, "Waiting", said), "Compatible": (True, "Compatible", "")}
        wrong = "" if back is not None else incompatible(status.revision, wanted)
        if wrong:
            return status, {"MembersReady": (True, "Ready", ""), "Compatible": (False, "AnswersDiffer", wrong)}
        if back is not None:
            self._take_members_back(look, back)
        missing = self._missing(look, wanted)
        if missing:
            why = f"{', '.join(missing)} cannot answer yet"
            return status, {"MembersReady": (False, "NotReady", why), "Compatible": (True, "Compatible", "")}
        gateway = look.spec.target.gateway or self._parts.settings.gateway
        self._route(fused_route(self._namespace, self._name, wanted, gateway, self._host))
        after = following(status, wanted)
        self._tidy(after)
        return after, {"MembersReady": (True, "Ready", ""), "Compatible": (True, "Compatible", "")}

    def _wanted(self, look: _Look, status: FusionStatus) -> tuple[Revision | None, str]:
        """The newest revision: the own model's version with every member's stable one; or what is still missing."""
        registry = self._parts.registries.state(look.spec.source.mlflow)
        if registry is None:
            return status.revision, "the registry is away"
        if registry.candidate is None:
            return status.revision, "the registry names no version of the fusion's model"
        members = []
        for member in look.spec.members:
            memory, body = look.memory(member.rollout), look.rollouts.get(member.rollout)
            if memory is None or memory.stable is None or body is None:
                if member.required:
                    return status.revision, f"{member.name} has no version that serves"
                continue
            model = body["spec"]["source"]["mlflow"]["model"]
            answers = self._parts.answers(model, memory.stable.version)
            if answers is None:
                return status.revision, f"the registry does not say what {member.name} answers"
            version, digest = memory.stable.version, memory.stable.digest
            named = {"name": member.name, "rollout": member.rollout, "model": model, "version": version}
            members.append(MemberVersion.model_validate(named | {"digest": digest, "answers": answers}))
        return revision_of(look.spec.source.mlflow.model, registry.candidate, members, look.now), ""

    def _missing(self, look: _Look, revision: Revision) -> list[str]:
        """Services of a revision that are not ready; the fusion's own is made if there is none."""
        missing = []
        own = services_of(self._name, revision)[revision.model]
        for name in services_of(self._name, revision).values():
            body = self._parts.kube.get(INFERENCE_SERVICES, self._namespace, name)
            if body is None and name == own:
                made = fusion_service(self._namespace, self._name, revision, look.spec.target)
                self._parts.kube.apply(INFERENCE_SERVICES, made)
            if body is None or not read_service(body).ready:
                missing.append(name)
        return missing

    def _route(self, wanted: Manifest) -> None:
        self._parts.kube.apply(HTTP_ROUTES, wanted)

    def _tidy(self, status: FusionStatus) -> None:
        """Own services of older revisions go; those of members are for their rollouts to keep (`locking.held`)."""
        kube, namespace, stay = self._parts.kube, self._namespace, kept(self._name, status)
        for body in kube.list(INFERENCE_SERVICES, namespace, labels=f"{FUSION}={self._name}"):
            meta = body["metadata"]
            if meta["name"] not in stay:
                kube.delete(INFERENCE_SERVICES, namespace, meta["name"], meta["uid"])

    def _take_members_back(self, look: _Look, revision: Revision) -> None:
        """Ask each member that stands elsewhere to go back; one that has no way back is steered by its source."""
        for member in revision.members:
            memory = look.memory(member.rollout)
            attempt = memory.attempt if memory is not None else None
            if memory is not None and attempt is not None and way_back(memory, member.version, look.now):
                spec = {
                    "rollout": member.rollout,
                    "verb": Verb.ROLLBACK,
                    "by": self._parts.me(),
                    "attempt": attempt.id,
                    "reason": f"Fusion {self._name} goes back to revision {revision.id}",
                }
                name = f"{member.rollout}-{attempt.id}-{revision.id}"
                meta = {"name": name, "namespace": self._namespace}
                kind = {"apiVersion": ROLLOUT_ACTIONS.api_version, "kind": ROLLOUT_ACTIONS.kind}
                self._parts.kube.create(ROLLOUT_ACTIONS, kind | {"metadata": meta, "spec": spec})

    def _decides(self, look: _Look) -> Found:
        """Let the process run that decides every minute, or rest."""
        settings, asked = self._parts.settings, look.spec.schedule
        if not (asked.image or settings.image):
            return False, "NoImage", "neither the fusion nor the operator names an image for it"
        gateway = (settings.gateway_address, settings.gateway_port)
        self._parts.kube.apply(DEPLOYMENTS, schedule(look.body, look.spec, settings.image, self._host, gateway))
        return not asked.suspend, "Suspended" if asked.suspend else "EveryMinute", ""

    def _store(self, look: _Look, status: FusionStatus, found: Mapping[str, Found]) -> None:
        serves = status.revision is not None
        why = next((said for good, _, said in found.values() if not good), "")
        found = dict(found) | {"Ready": (serves, "Serving" if serves else "NoRevision", "" if serves else why)}
        shown = status.model_copy(
            update={
                "observed_generation": look.body["metadata"]["generation"],
                "line": line(status.revision),
                "message": why,
                "conditions": conditions(found, look.status.conditions, look.body["metadata"]["generation"], look.now),
            }
        )
        stored: dict[str, Any] = json.loads(shown.model_dump_json(by_alias=True, exclude_none=True))
        if stored != look.body.get("status"):
            self._parts.kube.replace(FUSIONS, {**look.body, "status": stored}, "status")


def line(revision: Revision | None) -> str:
    """A revision as `kubectl get` shows it."""
    if revision is None:
        return ""
    return ", ".join(f"{one.name} v{one.version}" for one in revision.members) + f"; fusion v{revision.version}"


def conditions(
    found: Mapping[str, Found], before: Sequence[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Conditions with the moment of their last change."""
    since: dict[tuple[str, str], datetime] = {(one.type, one.status): one.last_transition_time for one in before}
    made = []
    for kind, (good, reason, said) in sorted(found.items()):
        status = "True" if good else "False"
        one = {"type": kind, "status": status, "reason": reason, "message": said, "observedGeneration": generation}
        made.append(Condition.model_validate(one | {"lastTransitionTime": since.get((kind, status), now)}))
    return tuple(made)
