"""What a ModelRollout asks for: gates, shadow, ascending steps, bake and what to do when something is not known."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

MAX_STEPS = 20
MAX_GATES = 20


class Frozen(BaseModel):
    """A value that never changes; its JSON is that of a Kubernetes object (camelCase, no unknown keys)."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Mode(StrEnum):
    """Whether a gate's verdict counts. DryRun is evaluated and shown, and decides nothing."""

    ENFORCE = "Enforce"
    DRY_RUN = "DryRun"


class Then(StrEnum):
    """What follows when a provider of numbers stayed away longer than the stated limit."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    HOLD = "Hold"


class Supersede(StrEnum):
    """What a newer version does to a running attempt: wait for its end, or take its place."""

    QUEUE = "Queue"
    REPLACE = "Replace"


class Deletion(StrEnum):
    """What happens to traffic when the rollout is deleted: back to stable, or left as it is."""

    STABLE = "Stable"
    KEEP = "Keep"


class Gate(Frozen):
    """A reference to a check. A critical one acts the moment it fails, any other when its stage is judged."""

    name: str = Field(min_length=1, max_length=63, description="Name of the check's template.")
    mode: Mode = Field(default=Mode.ENFORCE, description="DryRun is evaluated and shown, and decides nothing.")
    critical: bool = Field(default=False, description="Whether a Fail takes the candidate back at once.")


Gates = Annotated[tuple[Gate, ...], Field(max_length=MAX_GATES)]


class Step(Frozen):
    """One weight in percent, how long and with how many requests it is watched, and what must pass before the next.

    `mirror`: of how many percent of the requests the candidate gets copies too, so that both versions answer the same
    ones; gates on pairs have nothing to judge without.
    """

    weight: int = Field(ge=1, le=100, description="Percent of the requests that the candidate answers.")
    mirror: int = Field(
        default=0, ge=0, le=100, description="Percent of the requests that the candidate gets copies of."
    )
    soak_seconds: int = Field(default=0, ge=0, description="How long it is watched at least.")
    min_requests: int = Field(default=0, ge=0, description="How many requests it has answered at least.")
    approval: bool = Field(default=False, description="Whether a person must approve before the next weight.")
    gates: Gates = Field(default=(), description="What must pass before the next weight, beside the guards.")


class Shadow(Frozen):
    """The candidate answers copies of `percent` of the requests before it answers anybody."""

    percent: int = Field(default=100, ge=1, le=100, description="Percent of the requests that are copied.")
    duration_seconds: int = Field(default=0, ge=0, description="For how long at least.")
    gates: Gates = Field(description="What must pass before the first weight.")


class Bake(Frozen):
    """How long the old version is kept beside the new one at 100 %, and what is watched meanwhile."""

    duration_seconds: int = Field(default=0, ge=0, description="How long the old version waits beside the new one.")
    gates: Gates = Field(default=(), description="What is watched meanwhile and must pass at the end.")


class OnUnknown(Frozen):
    """For how long an absent provider of numbers only holds the weight, and what comes after."""

    hold_seconds: int = Field(default=1800, ge=0, description="For how long the weight is only held.")
    then: Then = Field(default=Then.PAUSE, description="What comes after.")


def _short(given: object) -> object:
    """`10` is the short form of `{weight: 10}`."""
    return {"weight": given} if isinstance(given, int) else given


class Plan(Frozen):
    """One rollout's delivery. Durations are in seconds; an attempt keeps the plan that it started with.

    `guards` are judged at every step and watched all the time; `rollback_window_seconds` is how long after completion
    the old version stays warm; `look_seconds` is the interval between two looks at the gates.
    """

    steps: tuple[Annotated[Step, BeforeValidator(_short)], ...] = Field(
        min_length=1, max_length=MAX_STEPS, description="Weights that rise, the last one 100."
    )
    preflight: Gates = Field(default=(), description="What must pass before the candidate is deployed.")
    guards: Gates = Field(default=(), description="Watched all the time while the candidate has traffic.")
    shadow: Shadow | None = Field(default=None, description="Copies of requests before the first weight.")
    bake: Bake = Field(default=Bake(), description="What happens at 100 % before the old version may go.")
    on_unknown: OnUnknown = Field(default=OnUnknown(), description="What an absent provider of numbers does.")
    max_wait_seconds: int = Field(default=86_400, ge=0, description="How long to wait for samples before a pause.")
    progress_deadline_seconds: int = Field(default=1800, ge=1, description="In how long the candidate must be ready.")
    rollback_window_seconds: int = Field(
        default=259_200, ge=0, description="How long after completion the old version stays warm."
    )
    abort_delay_seconds: int = Field(default=30, ge=0, description="How long a failed candidate is kept, to look at.")
    look_seconds: int = Field(default=5, ge=1, description="Interval between two looks at the gates.")
    supersede: Supersede = Field(default=Supersede.QUEUE, description="Whether a newer version waits or takes over.")
    deletion: Deletion = Field(default=Deletion.STABLE, description="Where traffic goes when the rollout is deleted.")
    paused: bool = Field(default=False, description="Hold the weight, and start nothing.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Weights rise to 100, and every rise has a gate that can say no."""
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)) or weights[-1] != 100:
            raise ValueError(f"weights must rise and end at 100, got {weights}")
        last = self.steps[-1]
        if last.soak_seconds or last.min_requests or last.approval or last.gates or last.mirror:
            raise ValueError("the step of weight 100 has no soak, requests, approval, gates or mirror: bake judges it")
        for index, step in enumerate(self.steps[:-1]):
            if not enforced(self.gates_of(f"step-{index}")):
                raise ValueError(f"the step of weight {step.weight} has no gate that is enforced, nor has guards")
        if self.shadow and not enforced(self.shadow.gates):
            raise ValueError("shadow has no gate that is enforced")
        return self

    def gates_of(self, stage: str) -> Gates:
        """The gates of `preflight`, `shadow`, `step-<index>`, `guard` or `bake`; guards count with traffic."""
        own: Gates = ()
        if stage == "preflight":
            return self.preflight
        if stage == "shadow":
            return self.shadow.gates if self.shadow else ()
        if stage == "bake":
            own = self.bake.gates
        elif stage.startswith("step-"):
            own = self.steps[int(stage.removeprefix("step-"))].gates
        return tuple({gate.name: gate for gate in (*self.guards, *own)}.values())


def enforced(gates: Gates) -> Gates:
    """Those whose verdict counts."""
    return tuple(gate for gate in gates if gate.mode is Mode.ENFORCE)
