"""ModelRollout: one score's delivery. Plan and memory are those of `scoreops.core`; the rest is where it runs."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from operators.api.schema import rule, rules
from scoreops.core.rollout_spec import Frozen, Plan
from scoreops.core.rollout_status import Status

_QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$"
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
LONGEST_NAME: Final = 30
"""A version's service is named after the rollout, and Kubernetes ends names at 63."""


class Mlflow(Frozen):
    """A model of the registry: the version that an alias names (it is followed), or one that is pinned."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.alias) != has(self.version)", "either an alias or a version must be given"),
            rule("self.model == oldSelf.model", "another model is another rollout", fieldPath=".model"),
        )
    )
    model: str = Field(min_length=1, max_length=63, pattern="^[A-Za-z0-9_.-]+$", description="Name in the registry.")
    alias: str | None = Field(
        default=None, min_length=1, max_length=63, description="Alias to follow, usually `candidate`."
    )
    version: str | None = Field(default=None, max_length=9, pattern="^[1-9][0-9]*$", description="Version to deliver.")


class Source(Frozen):
    """Where versions come from."""

    mlflow: Mlflow


class Gateway(Frozen):
    """A Gateway that lets in routes of this namespace."""

    namespace: Name
    name: Name


Quantity = Annotated[str, Field(max_length=20, pattern=_QUANTITY)]


class Resources(Frozen):
    """Processor and memory, as quantities of Kubernetes."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Target(Frozen):
    """How versions are served, each by an InferenceService of its own in the rollout's namespace."""

    runtime: Name = Field(default="scoreops-predictors", description="The ClusterServingRuntime.")
    replicas: int = Field(default=1, ge=1, le=100, description="Pods of each version, from its first to its last day.")
    requests: Resources | None = Field(default=None, description="What a pod is promised.")
    limits: Resources | None = Field(default=None, description="What a pod may not exceed.")
    gateway: Gateway | None = Field(default=None, description="Through which requests come; default: the operator's.")


_ENFORCED: Final = "exists(g, !has(g.mode) || g.mode == 'Enforce')"
_STEPS: Final = (
    rule(
        "self.steps.map(s, s.weight).isSorted() && self.steps.all(s, self.steps.exists_one(t, t.weight == s.weight))",
        "weights must rise from step to step",
        fieldPath=".steps",
    ),
    rule("self.steps[size(self.steps) - 1].weight == 100", "the last weight must be 100", fieldPath=".steps"),
    rule(
        "self.steps.all(s, s.weight < 100 || ((!has(s.soakSeconds) || s.soakSeconds == 0) && (!has(s.minRequests) || "
        "s.minRequests == 0) && (!has(s.approval) || !s.approval) && (!has(s.gates) || size(s.gates) == 0) && "
        "(!has(s.mirror) || s.mirror == 0)))",
        "the step of weight 100 has no soak, requests, approval, gates or mirror: bake judges it",
        fieldPath=".steps",
    ),
    rule(
        f"(has(self.guards) && self.guards.{_ENFORCED}) || "
        f"self.steps.all(s, s.weight == 100 || (has(s.gates) && s.gates.{_ENFORCED}))",
        "every step below 100 needs a gate that is enforced, its own or a guard",
        fieldPath=".steps",
    ),
    rule(
        f"!has(self.shadow) || self.shadow.gates.{_ENFORCED}",
        "shadow needs a gate that is enforced",
        fieldPath=".shadow",
    ),
)


class RolloutSpec(Plan):
    """What shall be delivered, to where, and in which steps. Durations are in seconds."""

    model_config = ConfigDict(json_schema_extra=rules(*_STEPS))
    source: Source
    target: Target = Target()

    @property
    def plan(self) -> Plan:
        """The part that decides."""
        return Plan.model_validate(self.model_dump(include=set(Plan.model_fields)))


class Condition(Frozen):
    """One question about a rollout with its answer, as `kubectl wait --for=condition=` takes it."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: AwareDatetime
    observed_generation: int = 0


class RolloutStatus(Status):
    """Where it stands. Written by the operator alone; what is not stored here is not remembered."""

    observed_generation: int = Field(default=0, description="Generation of the spec that this status answers.")
    url: str = Field(default="", description="Where requests go.")
    stage: str = Field(default="", description="Step under way of all steps, for people.")
    split: str = Field(default="", description="Versions and their percent of the requests, for people.")
    conditions: tuple[Condition, ...] = ()


SHOWN: Final = frozenset(RolloutStatus.model_fields) - frozenset(Status.model_fields)
"""Members of the stored status that are written for people and read by nobody."""


def remembered(stored: dict[str, Any]) -> Status:
    """The memory in a stored status."""
    shown = {str(RolloutStatus.model_fields[name].alias) for name in SHOWN}
    return Status.model_validate({key: value for key, value in stored.items() if key not in shown})
