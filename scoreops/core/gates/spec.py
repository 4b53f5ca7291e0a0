"""A gate template: exactly one check, under the name of its kind."""

from __future__ import annotations

from typing import Final, Self

from pydantic import model_validator

from scoreops.core.gates.checks import (
    Approval,
    Calibration,
    Contract,
    Drift,
    ExpectedValue,
    Freshness,
    OfflineEval,
    PairedShadow,
    PromQuery,
    Schedule,
    Skew,
    Slo,
    TrafficMin,
)
from scoreops.core.rollout_spec import Frozen

Check = (
    Slo
    | TrafficMin
    | PromQuery
    | Contract
    | OfflineEval
    | Calibration
    | PairedShadow
    | ExpectedValue
    | Drift
    | Freshness
    | Skew
    | Approval
    | Schedule
)


class GateSpec(Frozen):
    """A gate template: exactly one member is set, and its name is the kind of the gate."""

    slo: Slo | None = None
    traffic_min: TrafficMin | None = None
    prom_query: PromQuery | None = None
    contract: Contract | None = None
    offline_eval: OfflineEval | None = None
    calibration: Calibration | None = None
    paired_shadow: PairedShadow | None = None
    expected_value: ExpectedValue | None = None
    drift: Drift | None = None
    freshness: Freshness | None = None
    skew: Skew | None = None
    approval: Approval | None = None
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)} must be given, not {len(given)}")
        return self

    @property
    def check(self) -> Check:
        """The one member that is set."""
        found: Check = next(value for name in type(self).model_fields if (value := getattr(self, name)) is not None)
        return found

    @property
    def kind(self) -> str:
        """Its name, as in the template."""
        return next(
            kind for kind, name in zip(KINDS, type(self).model_fields, strict=True) if getattr(self, name) is not None
        )


KINDS: Final = tuple(str(field.alias) for field in GateSpec.model_fields.values())
"""The kinds of gates, as members of a template's spec."""
ONE_OF: Final = f"[{', '.join(f'has(self.{kind})' for kind in KINDS)}].filter(set, set).size() == 1"
"""The rule of `GateSpec` in CEL."""
