"""A decision as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

COLUMNS: Final = ("rank", "KOL", "EV (VND)", "trust", "spend", "first reason", "alert")


def line(record: Mapping[str, Any]) -> tuple[str, ...]:
    """One row of the ranking, in the order of COLUMNS."""
    outputs, inputs = record["outputs"], record["inputs"]
    trust = "not enough data"
    if inputs["trust"] is not None:
        trust = f"{inputs['trust']:.0f} ({inputs['trust_low']:.0f}-{inputs['trust_high']:.0f})"
    ev = f"{short(outputs['ev'])} ({short(outputs['ev_low'])}-{short(outputs['ev_high'])})"
    factor = outputs["spend_factor"]
    spend = "-" if factor is None else "blocked" if factor == 0 else f"{factor:.0%}"
    reason = record["reasons"][0] if record["reasons"] else ""
    return (f"{outputs['rank']:.0f}", record["kol_id"], ev, trust, spend, reason, record["alert"] or "")


def short(amount: float | None) -> str:
    """An amount of VND in three digits: 1.2M."""
    if amount is None:
        return "?"
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g}{unit}"
    return f"{amount:.0f}"
