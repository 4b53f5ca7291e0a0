"""How large a demo is, and what it says at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """How large the demo is."""

    kols: int = 500
    days: int = 21
    seed: int = 7
    live_minutes: int = 120
    speed: float = 200.0


@dataclass
class Summary:
    """What summary.json holds."""

    plan: dict[str, Any]
    events: dict[str, int] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    training: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    fusion: dict[str, Any] = field(default_factory=dict)
    rollback: dict[str, Any] = field(default_factory=dict)
    alerts: dict[str, Any] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    agreement: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def last_json(log: str) -> dict[str, Any]:
    """The JSON object that a part leaves at the end of its log."""
    at = log.rfind("\n{\n")
    try:
        found: dict[str, Any] = json.loads(log[at + 1 :] if at >= 0 else log)
    except ValueError:
        return {}
    return found
