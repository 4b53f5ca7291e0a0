"""Members of a fusion move one at a time, only to versions that the fusion can read, and keep what it answers with."""

from __future__ import annotations

import json
from dataclasses import replace

from operators.api.fusion import FusionSpec, FusionStatus
from operators.build.fusion import kept, steered, target_of, way_back
from operators.build.names import FUSIONS
from operators.parts import Parts
from scoreops.adapters.kube import Manifest
from scoreops.core.errors import FenceMoved
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_table import RESTING
from scoreops.core.rollout_world import Registry


def allowed(parts: Parts, namespace: str, rollout: str, status: Status, registry: Registry | None) -> Registry | None:
    """What a rollout sees of the registry when fusions that it is a member of have had their say.

    A version that would start an attempt is not seen while another member is in flight. Raises NotReady when the API
    server is away.
    """
    if registry is None or not parts.fused(namespace):
        return registry
    for body in parts.kube.list(FUSIONS, namespace):
        spec = FusionSpec.model_validate(body["spec"])
        if rollout not in {member.rollout for member in spec.members}:
            continue
        fusion = FusionStatus.model_validate(body.get("status", {}))
        registry = steered(spec, fusion, rollout, registry)
        back = target_of(spec, fusion) is not None
        candidate = registry.candidate
        if back and candidate is not None and way_back(status, candidate.version, parts.clock()):
            return replace(registry, candidate=None)  # the fusion asks for a rollback, which needs no new attempt
        if not back and _starts(status, registry) and not _taken(parts, body, fusion, rollout):
            return replace(registry, candidate=None)
    return registry


def held(parts: Parts, namespace: str) -> frozenset[str]:
    """Services of a namespace that fusions answer with, or go back to: nobody's to remove, whoever made them.

    It stands in the fusions and not on the services, whose labels KServe copies to their pods: each would start anew.
    Raises NotReady when the API server is away.
    """
    if not parts.fused(namespace):
        return frozenset()
    bodies = parts.kube.list(FUSIONS, namespace)
    return frozenset(
        name
        for body in bodies
        for name in kept(body["metadata"]["name"], FusionStatus.model_validate(body.get("status", {})))
    )


def _starts(status: Status, registry: Registry) -> bool:
    candidate, stable = registry.candidate, status.stable
    if candidate is None or (stable is not None and stable.version == candidate.version):
        return False
    tried = any((one.version, one.digest) == (candidate.version, candidate.digest) for one in status.blocked)
    return status.phase is Phase.RESOLVING or (status.phase in RESTING and not tried)


def _taken(parts: Parts, body: Manifest, fusion: FusionStatus, rollout: str) -> bool:
    """Whether it is this member's turn, or has just become so."""
    if fusion.in_flight:
        return fusion.in_flight == rollout
    mine = fusion.model_copy(update={"in_flight": rollout, "in_flight_since": parts.clock()})
    shown = json.loads(mine.model_dump_json(by_alias=True, exclude_none=True))
    try:
        parts.lease.check()
        parts.kube.replace(FUSIONS, {**body, "status": shown}, "status")
    except FenceMoved:
        return False
    return True
