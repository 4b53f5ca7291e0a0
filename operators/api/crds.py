"""The five CustomResourceDefinitions, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from operators.api.action import RolloutActionSpec, RolloutActionStatus
from operators.api.fusion import FusionSpec, FusionStatus
from operators.api.gates import GateRunSpec, GateTemplateSpec
from operators.api.rollout import LONGEST_NAME, RolloutSpec, RolloutStatus
from operators.api.schema import RULES, rule, structural

GROUP: Final = "scoreops.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
Column = tuple[str, str, str]
"""Title, path and type; a title that begins with `-` is shown by `-o wide` only."""


@dataclass(frozen=True)
class Kind:
    """One kind: what it is called, what it holds and what `kubectl get` shows of it."""

    name: str
    plural: str
    short: str
    what: str
    spec: type[BaseModel]
    status: type[BaseModel] | None
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    longest_name: int = 0


KINDS: Final = (
    Kind(
        "ModelRollout",
        "modelrollouts",
        "mr",
        "The delivery of one score: a new version of its model is checked, shadowed, given traffic step by step, and "
        "promoted or taken back.",
        RolloutSpec,
        RolloutStatus,
        (
            ("Phase", ".status.phase", "string"),
            ("Step", ".status.stage", "string"),
            ("Traffic", ".status.split", "string"),
            ("Reason", ".status.reason", "string"),
            ("Message", ".status.message", "string"),
            ("-Model", ".spec.source.mlflow.model", "string"),
            ("-Candidate", ".status.attempt.candidate.version", "string"),
            ("-Stable", ".status.stable.version", "string"),
            ("-Observed", ".status.traffic.observed", "number"),
            ("-URL", ".status.url", "string"),
            ("Age", ".metadata.creationTimestamp", "date"),
        ),
        longest_name=LONGEST_NAME,
    ),
    Kind(
        "GateTemplate",
        "gatetemplates",
        "gt",
        "A check that rollouts of this namespace name.",
        GateTemplateSpec,
        None,
        (("Age", ".metadata.creationTimestamp", "date"),),
    ),
    Kind(
        "GateRun",
        "gateruns",
        "gr",
        "The evidence of one evaluation of a rollout's gates.",
        GateRunSpec,
        None,
        (
            ("Rollout", ".spec.rollout", "string"),
            ("Stage", ".spec.stage", "string"),
            ("Candidate", ".spec.candidate", "string"),
            ("Verdicts", ".spec.summary", "string"),
            ("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.rollout",),
    ),
    Kind(
        "RolloutAction",
        "rolloutactions",
        "ra",
        "A person's word to a rollout: promote, roll back, pause, approve and so on.",
        RolloutActionSpec,
        RolloutActionStatus,
        (
            ("Rollout", ".spec.rollout", "string"),
            ("Verb", ".spec.verb", "string"),
            ("By", ".spec.by", "string"),
            ("Accepted", ".status.accepted", "boolean"),
            ("Why", ".status.why", "string"),
            ("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.rollout",),
    ),
    Kind(
        "Fusion",
        "fusions",
        "fus",
        "Scores that are joined into one decision every minute.",
        FusionSpec,
        FusionStatus,
        (
            ("Ready", ".status.conditions[?(@.type=='Ready')].status", "string"),
            ("Revision", ".status.revision.id", "string"),
            ("Members", ".status.line", "string"),
            ("Message", ".status.message", "string"),
            ("Age", ".metadata.creationTimestamp", "date"),
        ),
        longest_name=LONGEST_NAME,
    ),
)


def _root(kind: Kind) -> dict[str, Any]:
    """The schema of an object of a kind."""
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": "Group and version of this kind."},
        "kind": {"type": "string", "description": f"Always {kind.name}."},
        "metadata": {"type": "object"},
        "spec": structural(kind.spec),
    }
    if kind.status:
        properties["status"] = structural(kind.status, defaults=False)
    root: dict[str, Any] = {"description": kind.what, "type": "object", "required": ["spec"], "properties": properties}
    if kind.longest_name:
        said = f"size(self.metadata.name) <= {kind.longest_name}"
        root[RULES] = [rule(said, f"a name of this kind has at most {kind.longest_name} characters")]
    return root


def definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind)},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
    }
    if kind.status:
        version["subresources"] = {"status": {}}
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": ["scoreops"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def definitions() -> Mapping[str, dict[str, Any]]:
    """All of them by the name of their file."""
    return {f"{kind.plural}.yaml": definition(kind) for kind in KINDS}


def _column(column: Column) -> dict[str, Any]:
    title, path, kind = column
    made: dict[str, Any] = {"name": title.removeprefix("-"), "jsonPath": path, "type": kind}
    return made | ({"priority": 1} if title.startswith("-") else {})
