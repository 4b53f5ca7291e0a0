"""Fusion: scores that are joined every minute. Its revision, model and members together, goes forth and back as one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from operators.api.rollout import Condition, Name, Source, Target
from operators.api.schema import rule, rules
from scoreops.core.rollout_spec import Frozen

MAX_MEMBERS = 10
KEPT_REVISIONS = 10
Text = Annotated[str, Field(max_length=253)]


class Member(Frozen):
    """One branch: a score that a ModelRollout of the same namespace delivers."""

    name: Name = Field(description="Its name in the fusion.")
    rollout: Name = Field(description="The ModelRollout.")
    required: bool = Field(default=True, description="Whether there is no decision without it.")


class Schedule(Frozen):
    """The process that asks the members and the fusion for every minute of event time."""

    image: str = Field(default="", max_length=500, description="Default: the operator's own image.")
    environment: str | None = Field(
        default=None, max_length=63, description="ConfigMap with where Kafka, the online store and the registry are."
    )
    suspend: bool = Field(default=False, description="Whether decisions rest.")


class FusionSpec(Frozen):
    """Which scores are joined by which model, and when."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.members.all(m, self.members.exists_one(n, n.name == m.name || n.rollout == m.rollout))",
                "members and their rollouts must differ",
                fieldPath=".members",
            )
        )
    )
    source: Source
    members: tuple[Member, ...] = Field(min_length=1, max_length=MAX_MEMBERS, description="The scores that are joined.")
    target: Target = Target()
    schedule: Schedule = Schedule()
    rollback_to: str | None = Field(
        default=None, max_length=63, description="Id of a revision in the history to serve instead of the newest."
    )


class MemberVersion(Frozen):
    """A member as it stands: its version, and the hash of the names and types that it answers."""

    name: Text
    rollout: Text
    model: Text
    version: Text
    digest: Text
    answers: Text = ""


class Revision(Frozen):
    """One state of the whole: the fusion's version with the versions of its members."""

    id: Text = Field(description="12 hex digits over all that follows.")
    model: Text = Field(description="The fusion's own model.")
    version: Text = Field(description="Its version.")
    digest: Text = Field(description="Digest of its bundle.")
    members: tuple[MemberVersion, ...] = Field(max_length=MAX_MEMBERS)
    at: AwareDatetime


class FusionStatus(Frozen):
    """Where it stands."""

    observed_generation: int = 0
    revision: Revision | None = Field(default=None, description="What is served.")
    history: tuple[Revision, ...] = Field(default=(), max_length=KEPT_REVISIONS, description="The newest last.")
    in_flight: str = Field(default="", description="The one rollout that may bring a new version now.")
    in_flight_since: AwareDatetime | None = None
    line: str = Field(default="", description="Members and their versions, for people.")
    message: str = ""
    conditions: tuple[Condition, ...] = ()
