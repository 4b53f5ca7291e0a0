"""Amounts and small charts for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_DECIMALS: Final = {"VND": 0, "JPY": 0}
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def amount(minor: float | None, currency: str) -> str:
    """An amount in minor units in a few characters, without its currency: `12.5M`, `1,204.50`."""
    if minor is None:
        return ""
    decimals = _DECIMALS.get(currency, 2)
    value = minor / 10**decimals
    for step, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e5, "k")):
        if abs(value) >= step:
            size = 1e3 if letter == "k" else step
            return f"{value / size:.3g}{letter}"
    return f"{value:,.{decimals}f}"


def bar(share: float, width: int = 10) -> str:
    """A share in [0, 1] as a bar."""
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "·" * (width - full)


def spark(values: Sequence[float], low: float | None = None, high: float | None = None) -> str:
    """A row of numbers as a line of blocks between `low` and `high`, by default its own smallest and largest."""
    low = min(values, default=0.0) if low is None else low
    high = max(values, default=0.0) if high is None else high
    if high == low:
        return _BLOCKS[3] * len(values)
    return "".join(_BLOCKS[int((value - low) / (high - low) * (len(_BLOCKS) - 1))] for value in values)
