"""A fusion's revision: which versions answer together, what serves them, and who of the members may move."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from operators.api.fusion import KEPT_REVISIONS, FusionSpec, FusionStatus, MemberVersion, Revision
from operators.api.rollout import Gateway, Target
from operators.build.names import (
    DEPLOYMENTS,
    FUSION,
    HTTP_ROUTES,
    MODEL,
    VERSION,
    backend_name,
    owner_of,
    service_name,
)
from operators.build.service import inference_service
from scoreops.adapters.kube import MANAGER, Manifest
from scoreops.core.bundle import TensorSpec
from scoreops.core.rollout_status import Phase, Status, Version
from scoreops.core.rollout_table import RESTING
from scoreops.core.rollout_world import Registry

_PORT: Final = 80
_GRACE_S: Final = 10.0
"""Who may move has so long to begin."""


def answers_of(outputs: Iterable[TensorSpec]) -> str:
    """12 hex digits over names and types of what a model answers: who is joined by name must go on answering it."""
    text = json.dumps(sorted((one.name, one.datatype, list(one.shape)) for one in outputs))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def revision_of(model: str, own: Version, members: Sequence[MemberVersion], at: datetime) -> Revision:
    """The revision with an id over all versions; the same versions are the same revision."""
    named = [(one.name, one.version, one.digest) for one in members]
    text = json.dumps([model, own.version, own.digest, named])
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Revision(id=name, model=model, version=own.version, digest=own.digest, members=tuple(members), at=at)


def incompatible(before: Revision | None, after: Revision) -> str:
    """Why `after` may not follow `before`, "" if it may.

    A member that answers other names or types needs a new version of the fusion's own model, which knows them.
    """
    if before is None or (before.version, before.digest) != (after.version, after.digest):
        return ""
    known = {one.name: one.answers for one in before.members}
    for one in after.members:
        if known.get(one.name, one.answers) != one.answers:
            return f"version {one.version} of {one.name} answers otherwise than the fusion's model expects"
    return ""


def steered(spec: FusionSpec, status: FusionStatus, rollout: str, registry: Registry) -> Registry:
    """What a member's rollout may see of the registry: during a rollback the version of that revision, and no other."""
    wanted = target_of(spec, status)
    member = next((one for one in wanted.members if one.rollout == rollout), None) if wanted else None
    if member is None:
        return registry
    return Registry(Version(version=member.version, digest=member.digest), registry.champion, registry.previous)


def way_back(status: Status, version: str, now: datetime) -> bool:
    """Whether a RolloutAction leads back to that version: the rollout is leaving it now, or keeps it warm."""
    attempt = status.attempt
    if attempt is None or attempt.stable is None or attempt.stable.version != version:
        return False
    if status.phase is Phase.COMPLETED:
        return (now - status.since).total_seconds() < attempt.plan.rollback_window_seconds
    return status.phase not in RESTING


def target_of(spec: FusionSpec, status: FusionStatus) -> Revision | None:
    """The revision that shall be gone back to, if there is one of that id."""
    known = [*status.history, *([status.revision] if status.revision else [])]
    return next((one for one in known if one.id == spec.rollback_to), None)


def over(rollout: Status | None, since: datetime | None, now: datetime) -> bool:
    """Whether the member that was let go first has ended its attempt, or never began one."""
    if rollout is None or since is None:
        return True
    if rollout.phase not in RESTING:
        return False
    ended = any(past.at >= since for past in rollout.history)
    return ended or (now - since).total_seconds() >= _GRACE_S


def following(status: FusionStatus, revision: Revision) -> FusionStatus:
    """The status with another revision in service; the one before is in the history, the newest last."""
    if status.revision is not None and status.revision.id == revision.id:
        return status
    kept = [one for one in status.history if one.id != revision.id]
    kept += [status.revision] if status.revision is not None else []
    return status.model_copy(update={"revision": revision, "history": tuple(kept[-KEPT_REVISIONS:])})


def kept(fusion: str, status: FusionStatus) -> set[str]:
    """Services that stay: those of the revision in service, and of the one before it, to which a way back leads.

    One that was left for an older one is not a way back; its members' rollouts may remove what they made for it.
    """
    if status.revision is None:
        return set()
    before = [one for one in status.history if one.at < status.revision.at][-1:]
    return {name for revision in (status.revision, *before) for name in services_of(fusion, revision).values()}


def own_service(fusion: str, version: str) -> str:
    """The InferenceService of a version of the fusion's model."""
    return f"{fusion}-f{version}"


def fusion_service(namespace: str, fusion: str, revision: Revision, target: Target) -> Manifest:
    """The fusion predictor of a revision."""
    own = Version(version=revision.version, digest=revision.digest)
    body = inference_service(namespace, fusion, revision.model, own, target)
    labels = {FUSION: fusion, MODEL: revision.model, VERSION: own.version, "app.kubernetes.io/managed-by": MANAGER}
    body["metadata"] |= {"name": own_service(fusion, own.version), "labels": labels}
    return body


def services_of(fusion: str, revision: Revision) -> dict[str, str]:
    """The InferenceService behind each model of a revision."""
    members = {one.model: service_name(one.rollout, one.version) for one in revision.members}
    return {revision.model: own_service(fusion, revision.version)} | members


def fused_route(namespace: str, fusion: str, revision: Revision, gateway: Gateway, host: str) -> Manifest:
    """One route for all models of a revision: it is written at once, so a revision comes and goes as one."""

    def rule(path: str, service: str) -> dict[str, Any]:
        backend = {"name": backend_name(service), "port": _PORT}
        return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [backend]}

    services = services_of(fusion, revision)
    rules = [rule(f"/v2/models/{model}", service) for model, service in services.items()]
    rules.append(rule("/v2/health", services[revision.model]))
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **gateway.model_dump()}
    return {
        "apiVersion": HTTP_ROUTES.api_version,
        "kind": HTTP_ROUTES.kind,
        "metadata": {
            "name": f"{fusion}-fusion",
            "namespace": namespace,
            "labels": {FUSION: fusion, "app.kubernetes.io/managed-by": MANAGER},
            "annotations": {"scoreops.io/revision": revision.id},
        },
        "spec": {"parentRefs": [parent], "hostnames": [host], "rules": rules},
    }


def schedule(body: Mapping[str, Any], spec: FusionSpec, image: str, host: str, gateway: tuple[str, int]) -> Manifest:
    """The process that decides for every minute of event time, asking all models at the fusion's host.

    One pod at a time is enough: a minute that was decided stays as it is, whoever asks again. `gateway` is an address,
    "" where names are known to everybody, and a port.
    """
    meta, labels = body["metadata"], {"app.kubernetes.io/name": "decider", FUSION: body["metadata"]["name"]}
    locked = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    address, port = gateway
    container = {
        "name": "decider",
        "image": spec.schedule.image or image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "scoreops", "fuse", "--json"],
        "env": [{"name": "SCOREOPS_PREDICTOR", "value": f"http://{host}:{port}"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": locked,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the container
    }
    if spec.schedule.environment:
        container["envFrom"] = [{"configMapRef": {"name": spec.schedule.environment}}]
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if address:
        pod["hostAliases"] = [{"ip": address, "hostnames": [host]}]
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": {
            "name": f"{meta['name']}-decider",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_of(body)],
        },
        "spec": {
            "replicas": 0 if spec.schedule.suspend else 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
