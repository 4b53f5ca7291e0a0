"""How large a demo is, and what it says at its end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from scoreops.adapters.settings import Settings
from scoreops.local import runtime


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


@contextmanager
def from_scratch(own: Settings, *, keep: bool) -> Iterator[None]:
    """A demo in a HOME that is emptied first; at the end everything is stopped, unless `keep`."""
    runtime.down(own)
    shutil.rmtree(own.root, ignore_errors=True)
    with runtime.interruptible() if keep else runtime.running(own, ()):
        yield


def write_summary(own: Settings, summary: Any) -> None:
    """Leave a summary, a dataclass, as HOME/summary.json, however far the demo came."""
    own.root.mkdir(parents=True, exist_ok=True)
    (own.root / "summary.json").write_text(json.dumps(asdict(summary), indent=1, default=str) + "\n")
