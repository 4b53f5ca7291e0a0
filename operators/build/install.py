"""What installs the operator: its account with the least rights, its Deployment, and who may say what to a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from operators.lease import NAME
from scoreops.adapters.kube import Manifest
from scoreops.core.rollout_world import Verb

NAMESPACE: Final = "scoreops"
IMAGE: Final = "PLATFORM_IMAGE"
"""Stands for the platform's image; whoever installs puts a real one in its place."""
_GROUP: Final = "scoreops.io"
_READ: Final = ("get", "list", "watch")
_PORT: Final = 8080
Rule = dict[str, Any]


def rbac() -> list[Manifest]:
    """The account and its rights. Every verb here is used, and nothing else is asked of the API server."""
    cluster = [
        _rule(_GROUP, ("modelrollouts",), (*_READ, "patch", Verb.ROLLBACK.lower())),
        _rule(_GROUP, ("fusions",), _READ),
        _rule(_GROUP, ("modelrollouts/status", "fusions/status"), ("update",)),
        _rule(_GROUP, ("gatetemplates",), ("get",)),
        _rule(_GROUP, ("gateruns",), ("get", "list", "create", "delete")),
        _rule(_GROUP, ("rolloutactions",), ("list", "watch", "create")),
        _rule(_GROUP, ("rolloutactions/status",), ("patch",)),
        _rule("serving.kserve.io", ("inferenceservices",), (*_READ, "create", "patch", "delete")),
        _rule("gateway.networking.k8s.io", ("httproutes",), (*_READ, "create", "patch")),
        _rule("apps", ("deployments",), ("create", "patch")),
        _rule("", ("pods",), ("list",)),
        _rule("", ("events",), ("get", "create")),
    ]
    here = [_rule("coordination.k8s.io", ("leases",), ("create",))]
    here.append(_rule("coordination.k8s.io", ("leases",), ("get", "update")) | {"resourceNames": [NAME]})
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}},
        _rbac("ClusterRole", NAME) | {"rules": cluster},
        _rbac("ClusterRoleBinding", NAME) | {"roleRef": _ref("ClusterRole"), "subjects": [account]},
        _rbac("Role", NAME, NAMESPACE) | {"rules": here},
        _rbac("RoleBinding", NAME, NAMESPACE) | {"roleRef": _ref("Role"), "subjects": [account]},
    ]


def people() -> list[Manifest]:
    """Rights of people, added to the roles `view` and `edit` of Kubernetes; approving is a right of its own.

    A verb of a RolloutAction is a verb on the ModelRollout, which admission asks for.
    """
    read = [_rule(_GROUP, ("*",), _READ)]
    write = ("create", "update", "patch", "delete")
    verbs = tuple(verb.lower() for verb in Verb if verb is not Verb.APPROVE)
    edit = [
        _rule(_GROUP, ("modelrollouts", "gatetemplates", "fusions"), write),
        _rule(_GROUP, ("rolloutactions",), ("create", "delete")),
        _rule(_GROUP, ("modelrollouts",), verbs),
    ]
    approve = [
        _rule(_GROUP, ("modelrollouts",), (Verb.APPROVE.lower(),)),
        _rule(_GROUP, ("rolloutactions",), ("create",)),
    ]
    aggregate = "rbac.authorization.k8s.io/aggregate-to"
    roles = []
    for name, rules, labels in (
        ("scoreops-view", read, {f"{aggregate}-{role}": "true" for role in ("view", "edit", "admin")}),
        ("scoreops-edit", edit, {f"{aggregate}-{role}": "true" for role in ("edit", "admin")}),
        ("scoreops-approve", approve, {}),
    ):
        role = _rbac("ClusterRole", name) | {"rules": rules}
        if labels:
            role["metadata"]["labels"] = labels
        roles.append(role)
    return roles


def admission() -> list[Manifest]:
    """Whoever creates a RolloutAction does so in the own name, and has the right to its verb. No webhook is asked."""
    name, api = "scoreops-rolloutactions", "admissionregistration.k8s.io/v1"
    rules = [{"apiGroups": [_GROUP], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["rolloutactions"]}]
    allowed = (
        f"authorizer.group('{_GROUP}').resource('modelrollouts').namespace(object.metadata.namespace)"
        ".name(object.spec.rollout).check(object.spec.verb.lowerAscii()).allowed()"
    )
    groups = "!has(object.spec.groups) || object.spec.groups.all(one, one in request.userInfo.groups)"
    validations = [
        {
            "expression": "object.spec.by == request.userInfo.username",
            "messageExpression": "'spec.by must be your own name, ' + request.userInfo.username",
        },
        {"expression": groups, "message": "spec.groups may only hold groups that you are in"},
        {
            "expression": allowed,
            "messageExpression": "'you have no right to the verb ' + object.spec.verb.lowerAscii() + ' on this "
            "ModelRollout'",
        },
    ]
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "validations": validations,
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]


def deployment() -> list[Manifest]:
    """Two replicas, of which one works. Where things are says the ConfigMap; a missing one leaves the defaults."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "scoreops"}
    nobody = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "serviceAccountName": NAME,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": nobody,
        "topologySpreadConstraints": [spread],
        "containers": [_container()],
    }
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    meta = {"name": NAME, "namespace": NAMESPACE, "labels": labels}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget},
    ]


def _container() -> dict[str, Any]:
    return {
        "name": "operator",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "operators"],
        "envFrom": [{"configMapRef": {"name": NAME, "optional": True}}],
        "env": [
            {"name": "OPERATOR_IMAGE", "value": IMAGE},
            {"name": "OPERATOR_IDENTITY", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "startupProbe": _probe("/readyz", 2, 60),
        "livenessProbe": _probe("/healthz", 10, 3),
        "readinessProbe": _probe("/readyz", 5, 3),
        "resources": {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def files() -> Mapping[str, list[Manifest]]:
    """Everything by the name of its file."""
    return {
        "rbac.yaml": rbac(),
        "people.yaml": people(),
        "admission.yaml": admission(),
        "deployment.yaml": deployment(),
    }


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Rule:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _rbac(kind: str, name: str, namespace: str = "") -> Manifest:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": meta}


def _ref(kind: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME}


def _probe(path: str, seconds: int, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": _PORT}, "periodSeconds": seconds, "failureThreshold": failures}
