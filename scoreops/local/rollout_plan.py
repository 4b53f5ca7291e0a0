"""The plan of a canary from a few options, or from a file that says all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from scoreops.core.errors import BadInput
from scoreops.core.gates import GateSpec
from scoreops.core.rollout_spec import Plan

LOOK_SECONDS: Final = 2


@dataclass(frozen=True)
class Delivery:
    """A plan, and the templates of its gates by name."""

    plan: Plan
    gates: Mapping[str, Any]


@dataclass(frozen=True)
class Canary:
    """The short form.

    Attributes:
        steps: weights in percent, rising to 100.
        soak_s: seconds at each weight below 100.
        min_requests: requests that the candidate must have answered at each.
        error_margin: how much larger its share of errors, or of slow answers, may be than stable's.
        loss_margin: how much larger its log loss may be than stable's on the same requests, in nats; None: not asked.
        bake_s: seconds at 100 % before it counts as done.
        max_wait_s: seconds to wait for too few samples before it pauses.
    """

    steps: Sequence[int] = (10, 100)
    soak_s: int = 0
    min_requests: int = 0
    error_margin: float = 0.02
    loss_margin: float | None = None
    bake_s: int = 0
    max_wait_s: int = 86_400
    look_s: int = LOOK_SECONDS

    def delivery(self) -> Delivery:
        """Contract before and with traffic, errors all the time, and quality in pairs where labels come."""
        slow = {"seconds": 0.25, "margin": self.error_margin}
        gates: dict[str, Any] = {
            "contract": {"contract": {}},
            "slo": {"slo": {"margin": self.error_margin} | {"slow": slow}},
        }
        judged = [{"name": "contract"}]
        mirror = 0
        if self.loss_margin is not None:
            gates["log-loss"] = {"pairedShadow": {"margin": self.loss_margin}}
            judged.append({"name": "log-loss"})
            mirror = 100
        step = {"soakSeconds": self.soak_s, "minRequests": self.min_requests, "mirror": mirror, "gates": judged}
        steps = [{"weight": weight} | (step if weight < 100 else {}) for weight in self.steps]
        plan = {
            "steps": steps,
            "preflight": [{"name": "contract"}],
            "guards": [{"name": "slo", "critical": True}],
            "bake": {"durationSeconds": self.bake_s},
            "maxWaitSeconds": self.max_wait_s,
            "abortDelaySeconds": 0,
            "lookSeconds": self.look_s,
        }
        return checked(plan, gates)


def read_delivery(file: Path) -> Delivery:
    """The plan in a YAML or JSON file with the keys `plan` and `gates`. Raises BadInput."""
    try:
        given = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"{file} cannot be read: {error}", "plan") from error
    if not isinstance(given, dict) or given.keys() != {"plan", "gates"} or not isinstance(given["gates"], dict):
        raise BadInput(f"{file} must have the two keys `plan` and `gates`", "plan")
    return checked(given["plan"], given["gates"])


def checked(plan: Mapping[str, Any], gates: Mapping[str, Any]) -> Delivery:
    """Raises BadInput for what makes no sense: in the plan, in a template, or a gate without one."""
    try:
        made = Plan.model_validate(plan)
        for spec in gates.values():
            GateSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(first["msg"], ".".join(map(str, first["loc"])) or "plan") from error
    stages = ("preflight", "shadow", "bake", *(f"step-{index}" for index in range(len(made.steps))))
    lost = sorted({gate.name for stage in stages for gate in made.gates_of(stage)} - gates.keys())
    if lost:
        raise BadInput(f"no template is given for {', '.join(lost)}", "gates")
    return Delivery(made, gates)
