"""One InferenceService for each model version: written, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from operators.api.rollout import Resources, Target
from operators.build.names import DIGEST, INFERENCE_SERVICES, VERSION, labels_of, service_name
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_status import Version
from scoreops.core.rollout_world import Service

_NOBODY: Final = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_LOCKED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}
_MANY_RESTARTS: Final = 3
_HOPELESS: Final = ("ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff", "CreateContainerConfigError")
"""What kubelet calls a container that will not start by waiting; ImagePullBackOff has tried several times."""


def inference_service(namespace: str, rollout: str, model: str, version: Version, target: Target) -> Manifest:
    """The service of one version. Its replicas are pinned, so that going back to it needs no new pod.

    It has no owner: a deleted rollout leaves what serves. The digest is an annotation of its pods, so that the same
    number with other files is another service.
    """
    predictor: dict[str, Any] = {
        "minReplicas": target.replicas,
        "maxReplicas": target.replicas,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a Service may be called so that its variables look like settings
        "securityContext": _NOBODY,
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "model": {
            "modelFormat": {"name": "scoreops-bundle", "version": "1"},
            "runtime": target.runtime,
            "protocolVersion": "v2",
            "storageUri": f"mlflow://{model}/{version.version}",
            "securityContext": _LOCKED,
            **_resources(target.requests, target.limits),
        },
    }
    annotations = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
        DIGEST: version.digest,
    }
    return {
        "apiVersion": INFERENCE_SERVICES.api_version,
        "kind": INFERENCE_SERVICES.kind,
        "metadata": {
            "name": service_name(rollout, version.version),
            "namespace": namespace,
            "labels": labels_of(rollout, model, version.version),
            "annotations": annotations,
        },
        "spec": {"predictor": predictor},
    }


def _resources(requests: Resources | None, limits: Resources | None) -> dict[str, Any]:
    given = {"requests": requests, "limits": limits}
    found = {key: one.model_dump(exclude_none=True) for key, one in given.items() if one is not None}
    return {"resources": found} if found else {}


def version_of(body: Manifest) -> Version:
    """The version that an InferenceService of a rollout serves."""
    meta = body["metadata"]
    return Version(version=meta["labels"][VERSION], digest=meta.get("annotations", {}).get(DIGEST, ""))


def read_service(body: Manifest, *, reported: str | None = None, failed: str = "") -> Service:
    """What an InferenceService says. It is ready once its pods are; its own route is not ours."""
    status = body.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    ready = conditions.get("PredictorReady", {}).get("status") == "True" and "deletionTimestamp" not in body["metadata"]
    if not ready and not failed and status.get("modelStatus", {}).get("transitionStatus") == "InvalidSpec":
        said = status["modelStatus"].get("lastFailureInfo", {}).get("message", "")
        failed = f"KServe cannot serve it: {said or 'invalid spec'}"
    return Service(version_of(body), ready, reported if ready else None, failed)


def failure_of(pods: Iterable[Mapping[str, Any]]) -> str:
    """The sentence of a failure that waiting will not mend, "" while there is hope.

    A fetcher that fails is tried again until the deadline, as the registry may only be away.
    """
    for pod in pods:
        status = pod.get("status", {})
        containers = [(one, False) for one in status.get("containerStatuses", ())]
        containers += [(one, True) for one in status.get("initContainerStatuses", ())]
        for one, first in containers:
            waiting = one.get("state", {}).get("waiting", {})
            reason, said = waiting.get("reason", ""), waiting.get("message", "")
            if reason in _HOPELESS:
                return f"{reason}: {said or one.get('image', '')}"[:300]
            if reason == "CrashLoopBackOff" and not first and one.get("restartCount", 0) >= _MANY_RESTARTS:
                ended = one.get("lastState", {}).get("terminated", {})
                code = ended.get("exitCode", "?")
                return f"its server ended {one['restartCount']} times, the last time with exit code {code}"
    return ""
