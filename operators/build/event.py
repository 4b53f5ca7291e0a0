"""A Kubernetes Event for each notice, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from operators.build.names import EVENTS
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_world import Notify

COMPONENT: Final = "scoreops-operator"
_LONGEST: Final = 1000
_WARNINGS: Final = frozenset(
    {
        "Rejected",
        "DeployFailed",
        "GateFailed",
        "CandidateNotReady",
        "MetricsUnavailable",
        "RollbackStarted",
        "RolledBack",
        "Stalled",
        "DriftCorrected",
    }
)


def event_name(rollout: str, notice: str) -> str:
    """Named after the notice, so that it is sent once."""
    return f"{rollout}.{notice}".lower()


def event(about: Mapping[str, Any], notice: Notify, reporter: str, now: datetime) -> Manifest:
    """The Event about an object."""
    meta = about["metadata"]
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": event_name(meta["name"], notice.id), "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "reason": notice.reason,
        "message": notice.message[:_LONGEST],
        "type": "Warning" if notice.reason in _WARNINGS else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": reporter,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
