"""GateTemplate: a check that rollouts name. GateRun: one answer of it, kept as evidence and never changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from operators.api.rollout import Name
from operators.api.schema import rule, rules
from scoreops.core.gates.spec import ONE_OF, GateSpec
from scoreops.core.rollout_spec import MAX_GATES, Frozen
from scoreops.core.verdict import Verdict

Text = Annotated[str, Field(max_length=253)]


class GateTemplateSpec(GateSpec):
    """Exactly one kind of check, with its limits. A rollout names it in its `gates`, `guards` or `preflight`."""

    model_config = ConfigDict(json_schema_extra=rules(rule(ONE_OF, "exactly one kind of check must be given")))


class GateRunSpec(Frozen):
    """What one evaluation asked, about whom, and what came out."""

    model_config = ConfigDict(json_schema_extra=rules(rule("self == oldSelf", "evidence is never changed")))
    rollout: Name = Field(description="The ModelRollout.")
    attempt: Text = Field(description="The attempt it was asked for.")
    id: Text = Field(description="Id of the evaluation, as in the rollout's status.")
    stage: Text = Field(description="preflight, shadow, step-<index>, guard or bake.")
    at: AwareDatetime = Field(description="When it was asked.")
    candidate: Text = Field(description="Version judged.")
    stable: Text | None = Field(default=None, description="Version it is compared with.")
    weight: int = Field(default=0, ge=0, le=100, description="Percent of the requests that the candidate had.")
    since: AwareDatetime | None = Field(default=None, description="Requests before this moment don't count.")
    summary: str = Field(default="", max_length=300, description="Its verdicts in a line.")
    verdicts: tuple[Verdict, ...] = Field(max_length=2 * MAX_GATES, description="One for each gate, with its numbers.")
