"""A generated world of influencers: events as they would arrive, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class WorldSpec:
    """What is generated. The same spec gives the same bytes. The world ends at `end`, which lies in the past."""

    kols: int = 500
    days: int = 21
    seed: int = 7
    end: datetime = datetime(2026, 3, 22, 3, tzinfo=UTC)
