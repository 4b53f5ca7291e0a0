"""RolloutAction: a verb as an object. Who may create one is RBAC; what became of it stands in its status."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from operators.api.rollout import Name
from operators.api.schema import rule, rules
from scoreops.core.rollout_spec import Frozen
from scoreops.core.rollout_world import Verb

Person = Annotated[str, Field(min_length=1, max_length=253)]


class RolloutActionSpec(Frozen):
    """What somebody asks of a rollout, once."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("self == oldSelf", "an action is not changed; create another"))
    )
    rollout: Name = Field(description="The ModelRollout, in the same namespace.")
    verb: Verb = Field(description="What to do.")
    by: Person = Field(description="Who asks; admission checks that it is the name that the cluster knows.")
    groups: tuple[Person, ...] = Field(
        default=(), max_length=20, description="Groups in whose name; admission checks that the person is in them."
    )
    attempt: str | None = Field(
        default=None, max_length=63, description="Only for this attempt, as in the rollout's status."
    )
    reason: str = Field(min_length=1, max_length=500, description="Why, for whoever reads it later.")


class RolloutActionStatus(Frozen):
    """The one answer."""

    accepted: bool = Field(description="Whether it was done.")
    why: str = Field(description="What was done, or why not.")
    at: AwareDatetime
