"""What the demo asks of the cluster: the operator, a runtime that logs its answers, gates, rollouts and a fusion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cluster import kserve, prometheus
from cluster.images import reference
from cluster.kube import Manifest, apply, established, kubectl
from cluster.place import GATEWAY_PORT, ROOT, Place
from operators.build import install
from scoreops.adapters.settings import Settings

NAMESPACE: Final = "kol"
RUNTIME: Final = "scoreops-predictors-logged"
OPERATOR: Final = "scoreops-operator"
EVIDENCE: Final = "scoreops-evidence"
FUSION: Final = "fusion"
MEMBERS: Final = ("trust", "success")
MARGIN: Final = 0.05
"""Nats by which a candidate's log loss may exceed that of stable."""
_CRDS: Final = ROOT / "operators" / "api" / "crds"
_EVIDENCE: Final = ROOT / "monitoring" / "deploy" / "evidence.yaml"
_API: Final = "scoreops.io/v1alpha1"

GATES: Final[dict[str, dict[str, Any]]] = {
    "contract": {"contract": {}},
    "slo": {"slo": {"margin": 0.02, "slow": {"seconds": 1.0, "margin": 0.1}}},
    "log-loss": {"pairedShadow": {"margin": MARGIN}},
}


def install_operator(place: Place, settings: Settings) -> None:
    """The operator as its two replicas run anywhere, with the account and the rights that are shipped with it.

    Returns once it is there. Raises NotReady when it does not come up.
    """
    apply(place, files=sorted(_CRDS.glob("*.yaml")))
    established(place)
    apply(place, [_namespace(install.NAMESPACE), _namespace(NAMESPACE)])
    told = {
        "OPERATOR_MLFLOW": settings.mlflow_url,
        "OPERATOR_EVIDENCE": f"http://{EVIDENCE}.{install.NAMESPACE}.svc",
        "OPERATOR_PROMETHEUS": prometheus.url(place),
        "OPERATOR_GATEWAY_ADDRESS": place.inside,
        "OPERATOR_GATEWAY_PORT": str(GATEWAY_PORT),
    }
    shipped = [body for bodies in install.files().values() for body in bodies]
    _deploy(place, OPERATOR, told, shipped)


def install_evidence(place: Place, settings: Settings) -> None:
    """The evidence service, beside the operator. Raises NotReady when it does not come up."""
    told = {"SCOREOPS_KAFKA": settings.kafka_bootstrap, "SCOREOPS_MLFLOW": settings.mlflow_url}
    _deploy(place, EVIDENCE, told, kserve.documents(_EVIDENCE))


def _deploy(place: Place, name: str, told: Mapping[str, str], shipped: Sequence[Manifest]) -> None:
    """Shipped manifests with the platform's image and a ConfigMap, until their Deployment is there."""
    meta = {"name": name, "namespace": install.NAMESPACE}
    bodies = json.loads(json.dumps(shipped).replace(install.IMAGE, reference("platform")))
    apply(place, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": told}, *bodies])
    kubectl(place, "rollout", "status", f"deployment/{name}", "-n", install.NAMESPACE, "--timeout=300s")


def runtime(place: Place, settings: Settings) -> Manifest:
    """The runtime of bundles, whose servers also write each answer to the inference log."""
    made: Any = kserve.runtimes(place)[0]
    made["metadata"]["name"] = RUNTIME
    container = made["spec"]["containers"][0]
    container["args"] += ["--log"]
    container["env"] = [{"name": "SCOREOPS_KAFKA", "value": settings.kafka_bootstrap}]
    made["spec"]["supportedModelFormats"][0]["autoSelect"] = False
    return made  # type: ignore[no-any-return]


def gates() -> list[Manifest]:
    """What rollouts are judged by."""
    return [_object("GateTemplate", name, spec) for name, spec in GATES.items()]


def rollouts() -> list[Manifest]:
    """Trust moves 10 -> 100 and is judged on pairs; success shares its fusion."""
    judged = {"weight": 10, "mirror": 100, "soakSeconds": 5, "minRequests": 50}
    trust = _plan("trust", judged | {"gates": [{"name": "contract"}, {"name": "log-loss"}]})
    success = _plan("success", {"weight": 10, "minRequests": 20, "gates": [{"name": "contract"}]})
    return [_object("ModelRollout", name, spec) for name, spec in (("trust", trust), ("success", success))]


def _plan(model: str, step: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": {"mlflow": {"model": model, "alias": "candidate"}},
        "target": {"runtime": RUNTIME},
        "preflight": [{"name": "contract"}],
        "guards": [{"name": "slo", "critical": True}],
        "steps": [step, {"weight": 100}],
        "bake": {"durationSeconds": 5},
        "rollbackWindowSeconds": 600,
        "abortDelaySeconds": 5,
        "lookSeconds": 2,
    }


def fusion() -> Manifest:
    """Both scores joined; the process that decides every minute rests, since no events come in here."""
    spec = {
        "source": {"mlflow": {"model": FUSION, "alias": "candidate"}},
        "members": [{"name": name, "rollout": name} for name in MEMBERS],
        "target": {"runtime": RUNTIME},
        "schedule": {"suspend": True},
    }
    return _object("Fusion", FUSION, spec)


def host(name: str) -> str:
    """Where a rollout or a fusion is asked, through the gateway."""
    return f"{name}.{NAMESPACE}.scoreops.local"


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _object(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
