"""The state machine's page: a mermaid diagram and the table, both written from `rollout_table.TABLE`."""

from __future__ import annotations

from scoreops.core.rollout_status import Phase as P  # noqa: N817 - rows stay on a line
from scoreops.core.rollout_table import RUNNING, TABLE, Event, Row

_MANY = 4
"""A row with at least so many sources or targets is drawn at the border of their group, so that one can read it."""
_UNDRAWN = {Event.SKIPPED, Event.DELETED}
"""Short cuts that the table tells better than a picture."""
_ATTEMPT = (*RUNNING, P.PAUSED)


def diagram() -> str:
    """Mermaid `stateDiagram-v2`: the phases of an attempt inside two groups, arrows named by their events."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        if row.event not in _UNDRAWN:
            for target in _ends(row):
                for source in _starts(row, target):
                    arrows.setdefault((source, target), []).append(row.event)
    running = {*(str(phase) for phase in RUNNING)}
    inside = {*running, "Running", str(P.PAUSED)}
    lines = [(ends, f"{ends[0]} --> {ends[1]}: {', '.join(events)}") for ends, events in arrows.items()]
    within = [line for ends, line in lines if set(ends) <= running]
    around = [line for ends, line in lines if set(ends) <= inside and not set(ends) <= running]
    rest = [line for ends, line in lines if not set(ends) <= inside]
    body = ["state Attempt {", "    state Running {", *(f"        {line}" for line in within), "    }"]
    body += [*(f"    {line}" for line in around), "}"]
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in ["[*] --> Idle", *body, *rest])])


def _starts(row: Row, target: str) -> tuple[str, ...]:
    """Where the arrows of a row start: at the border of a group if it has many sources, else at each phase."""
    own = [phase for phase in row.sources if phase in _ATTEMPT]
    if len(own) < _MANY:
        return tuple(str(phase) for phase in row.sources)
    group = "Running" if target in _ATTEMPT else "Attempt"
    return (group, *(str(phase) for phase in row.sources if phase not in _ATTEMPT))


def _ends(row: Row) -> tuple[str, ...]:
    """Where they end."""
    return tuple(str(phase) for phase in row.targets) if len(row.targets) < _MANY else ("Running",)


def page() -> str:
    """The whole Markdown page."""
    lines = [
        "# How a rollout moves",
        "",
        "Written by the code from the table that decides (`scoreops/core/rollout_table.py`).",
        "Arrows at the border of *Running* or *Attempt* hold for many phases inside; the table says for which,",
        "and it has two more: a person's short cuts, and deletion, which leads to Terminating from everywhere.",
        "",
        "```mermaid",
        diagram(),
        "```",
        "",
        "| From | When | To | What happens | Event sent |",
        "|---|---|---|---|---|",
    ]
    for row in TABLE:
        sources = "any" if len(row.sources) == len(P) - 1 else ", ".join(row.sources)
        notice = f"`{row.notice}`" if row.notice else ""
        lines.append(f"| {sources} | {row.event} | {', '.join(row.targets)} | {row.what} | {notice} |")
    laws = [
        "",
        "What always holds, and is tested after every step of a simulated world:",
        "",
        "- The weight rises only with a stored Pass of every stage before; SkipStep stores one in a person's name.",
        "- Once a rollback has begun, the candidate's weight never rises.",
        "- A rollback needs the Kubernetes API alone: no metrics, no registry.",
        "- `champion` only names a version that had 100 % of the traffic.",
        "- Only the stable version and the candidate of one attempt share the traffic.",
        "- No version gets traffic, or more of it, while it is not ready.",
        "- A version that failed is not tried again by itself; a newer one, a Retry or a changed spec starts again.",
        "- While metrics or registry are away, the weight stays and nothing changes, until `onUnknown.holdSeconds`.",
        "- In a namespace that is being deleted a rollout lets go once the API server says so: stable is going too.",
        "",
    ]
    return "\n".join(lines + laws)
