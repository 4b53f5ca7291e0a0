"""GateRuns: the answer to one question, written and read back, and which of them may go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from operators.api.gates import GateRunSpec
from operators.build.names import GATE_RUNS, labels_of, owner_of
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import Evaluation

KEPT: Final = 40
"""Newest GateRuns of a rollout that stay, beside those that a status names."""


def run_name(rollout: str, evaluation: str) -> str:
    """Named after the question, so that it is answered once."""
    return f"{rollout}-{evaluation}"


def gate_run(rollout: Mapping[str, Any], found: Evaluation, status: Status) -> Manifest:
    """The evidence of an evaluation that was asked for while `status` was stored."""
    meta, attempt = rollout["metadata"], status.attempt
    assert attempt is not None, "gates are asked about an attempt"
    spec = GateRunSpec(
        rollout=meta["name"],
        attempt=attempt.id,
        id=found.id,
        stage=found.stage,
        at=found.at,
        candidate=attempt.candidate.version,
        stable=attempt.stable.version if attempt.stable else None,
        weight=status.traffic.applied,
        since=status.traffic.settled_at,
        summary=", ".join(f"{one.gate} {one.outcome}" for one in found.verdicts)[:300],
        verdicts=found.verdicts,
    )
    return {
        "apiVersion": GATE_RUNS.api_version,
        "kind": GATE_RUNS.kind,
        "metadata": {
            "name": run_name(meta["name"], found.id),
            "namespace": meta["namespace"],
            "labels": labels_of(meta["name"]),
            "ownerReferences": [owner_of(rollout)],
        },
        "spec": json.loads(spec.model_dump_json(by_alias=True, exclude_none=True)),
    }


def belongs(run: Manifest, rollout: Manifest) -> bool:
    """Whether a GateRun is of this rollout, and not of one of the same name that was deleted."""
    return any(owner["uid"] == rollout["metadata"]["uid"] for owner in run["metadata"].get("ownerReferences", ()))


def read_run(body: Manifest) -> Evaluation:
    """What a GateRun says."""
    spec = GateRunSpec.model_validate(body["spec"])
    return Evaluation(spec.id, spec.stage, spec.at, spec.verdicts)


def superfluous(runs: Sequence[Manifest], status: Status) -> list[Manifest]:
    """The oldest beyond what is kept; evidence of a Pass, a Fail and the last answer stay with their attempt."""
    named = {evidence.source for evidence in status.evidence}
    named |= {one.id for one in (status.asked, status.judged) if one is not None}
    ordered = sorted(runs, key=lambda run: str(run["spec"]["at"]), reverse=True)
    old = [run for run in ordered[KEPT:] if run["spec"]["id"] not in named]
    return [run for run in old if not _failed(run) or len(ordered) > 2 * KEPT]


def _failed(run: Manifest) -> bool:
    return any(verdict["outcome"] == "Fail" for verdict in run["spec"]["verdicts"])
