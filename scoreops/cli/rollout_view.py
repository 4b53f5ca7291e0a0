"""How a rollout is shown: a live table at a terminal, a line per change elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from scoreops.cli.output import console

if TYPE_CHECKING:
    from rich.console import RenderableType

ENDED: Final = {"Completed", "RolledBack", "Rejected", "Superseded"}
_COLOURS: Final = {"Pass": "green", "Fail": "red", "Unknown": "yellow", "Invalid": "red", "Insufficient": "cyan"}


@dataclass(frozen=True)
class Shown:
    """One moment of a rollout. `weight` has what is intended, applied and observed, in percent of the requests."""

    rollout: str
    phase: str
    reason: str
    message: str
    attempt: str
    candidate: str
    stable: str
    step: str
    weight: Mapping[str, float | None]
    gates: tuple[Mapping[str, Any], ...]
    finished: bool
    version: str = ""

    @property
    def title(self) -> str:
        """`trust: 1 -> 2`."""
        versions = f"{self.stable or 'nothing'} -> {self.candidate}" if self.candidate else self.version or self.stable
        return f"{self.rollout}: {versions}"


def shown_of(rollout: str, status: Mapping[str, Any], version: str = "") -> Shown:
    """A moment from the stored status, as JSON. An empty one is a rollout that nobody has looked at yet."""
    attempt, traffic = status.get("attempt") or {}, status.get("traffic") or {}
    step, intent, phase = status.get("step"), status.get("intent"), status.get("phase", "Idle")
    judged = status.get("judged") or {}
    settled = not intent or intent["done"]
    return Shown(
        rollout=rollout,
        phase=phase,
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        attempt=attempt.get("id", ""),
        candidate=(attempt.get("candidate") or {}).get("version", ""),
        stable=(attempt.get("stable") or status.get("stable") or {}).get("version", ""),
        step=f"{step['index'] + 1}/{step['total']}" if step else "",
        weight={name: traffic.get(name) for name in ("intended", "applied", "observed", "mirror")},
        gates=tuple(judged.get("verdicts", ())),
        finished=phase in ENDED and settled,
        version=version,
    )


def picture(shown: Shown) -> RenderableType:
    """The table of one moment."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    weight = shown.weight
    seen = "not known" if weight["observed"] is None else f"{weight['observed']:.1f} %"
    shares = f"wanted {weight['intended']} %, applied {weight['applied']} %, seen {seen}"
    copies = f", copies of {weight['mirror']} %" if weight["mirror"] else ""
    lines = [
        Text.assemble((shown.title, "bold"), f"  {shown.phase}", f"  step {shown.step}" if shown.step else ""),
        Text(f"traffic of the candidate: {shares}{copies}"),
        Text(shown.message),
    ]
    grid = Table(header_style="bold")
    for name in ("gate", "verdict", "n", "need", "why"):
        grid.add_column(name, overflow="fold")
    for one in shown.gates:
        verdict = Text(one["outcome"], _COLOURS.get(one["outcome"], ""))
        grid.add_row(one["gate"], verdict, f"{one['n']:,}", f"{one['need']:,}", Text(one["reason"]))
    return Group(*lines, grid) if shown.gates else Group(*lines)


def follow(moments: Iterable[Shown | str], *, as_json: bool) -> Shown | None:
    """Show moments (a text: why there is none) until the attempt has ended. Returns the last one."""
    last: Shown | None = None
    if as_json or not console.is_terminal:
        said = ""
        for moment in moments:
            line = _json(moment) if as_json else _line(moment)
            if line != said:
                said = line
                sys.stdout.write((_stamped(line) if as_json else f"{_clock()} {line}") + "\n")
                sys.stdout.flush()
            last = last if isinstance(moment, str) else moment
            if last is not None and last.finished:
                break
        return last
    from rich.live import Live
    from rich.text import Text

    with Live(console=console, auto_refresh=False) as live:
        for moment in moments:
            live.update(Text(moment, "yellow") if isinstance(moment, str) else picture(moment), refresh=True)
            last = last if isinstance(moment, str) else moment
            if last is not None and last.finished:
                break
    return last


def _json(moment: Shown | str) -> str:
    return json.dumps({"away": moment} if isinstance(moment, str) else asdict(moment), ensure_ascii=False)


def _stamped(line: str) -> str:
    return json.dumps({"at": datetime.now(UTC).isoformat()} | json.loads(line), ensure_ascii=False)


def _line(moment: Shown | str) -> str:
    return moment if isinstance(moment, str) else line_of(moment)


def line_of(moment: Shown) -> str:
    """One moment in a line."""
    step = f" {moment.step}" if moment.step else ""
    share = f" at {moment.weight['applied'] or 0} %" if moment.candidate else ""
    return f"{moment.title}  {moment.phase}{step}{share}" + (f": {moment.message}" if moment.message else "")


def _clock() -> str:
    return datetime.now(UTC).strftime("%H:%M:%S")
