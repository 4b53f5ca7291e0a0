"""What things are called: objects of a rollout, and the labels that say whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scoreops.adapters.kube import MANAGER, Resource

ROLLOUT: Final = "scoreops.io/rollout"
MODEL: Final = "scoreops.io/model"
"""Also read by our ClusterServingRuntime: the name under which a version answers."""
FUSION: Final = "scoreops.io/fusion"
VERSION: Final = "scoreops.io/version"
SERVED: Final = "serving.kserve.io/inferenceservice"
"""KServe's: which InferenceService a pod belongs to."""
DIGEST: Final = "scoreops.io/digest"
FINALIZER: Final = "scoreops.io/traffic"
LONGEST_HOST: Final = 63
"""KServe makes one label of a host name of service and namespace."""

MODEL_ROLLOUTS: Final = Resource("scoreops.io", "v1alpha1", "modelrollouts", "ModelRollout")
GATE_TEMPLATES: Final = Resource("scoreops.io", "v1alpha1", "gatetemplates", "GateTemplate")
GATE_RUNS: Final = Resource("scoreops.io", "v1alpha1", "gateruns", "GateRun")
ROLLOUT_ACTIONS: Final = Resource("scoreops.io", "v1alpha1", "rolloutactions", "RolloutAction")
FUSIONS: Final = Resource("scoreops.io", "v1alpha1", "fusions", "Fusion")
INFERENCE_SERVICES: Final = Resource("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
HTTP_ROUTES: Final = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
EVENTS: Final = Resource("", "v1", "events", "Event")
PODS: Final = Resource("", "v1", "pods", "Pod")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
REVIEWS: Final = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")


def service_name(rollout: str, version: str) -> str:
    """The InferenceService of a version."""
    return f"{rollout}-v{version}"


def backend_name(service: str) -> str:
    """The Service that KServe makes for an InferenceService in Standard mode."""
    return f"{service}-predictor"


def version_of_backend(rollout: str, backend: str) -> str:
    """The version behind a Service, or the Service's own name if it is none of this rollout's."""
    version = backend.removeprefix(f"{rollout}-v").removesuffix("-predictor")
    return version if backend == backend_name(service_name(rollout, version)) else backend


def host_of(rollout: str, namespace: str, domain: str) -> str:
    """Where requests go. The namespace is in it, so that no rollout answers in the name of another namespace's."""
    return f"{rollout}.{namespace}.{domain}"


def labels_of(rollout: str, model: str = "", version: str = "") -> dict[str, str]:
    """Labels of what belongs to a rollout, and of one version."""
    found = {ROLLOUT: rollout, MODEL: model, VERSION: version, "app.kubernetes.io/managed-by": MANAGER}
    return {key: value for key, value in found.items() if value}


def owner_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The reference that removes an object with its rollout (or fusion)."""
    meta = body["metadata"]
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
