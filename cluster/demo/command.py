"""The command's side of the demo: what is shown, what is printed at the end, and the exit code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from cluster.demo.story import Chapter, run
from cluster.demo.view import Follower, table
from cluster.place import Place


def demo(place: Place, console: Console, *, keep: bool) -> list[Chapter]:
    """Run it, shown on `console`."""
    follower = Follower(console)
    with follower.shown():
        return run(place, follower, follower.tell, keep=keep)


def show(console: Console, chapters: list[Chapter]) -> None:
    """The table of what happened, and why each ended as it did."""
    console.print(table([_row(one) for one in chapters]))
    for one in chapters:
        console.print(f"{_name(one)}: {one.why}", highlight=False)


def as_json(chapters: list[Chapter]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [asdict(one) for one in chapters]


def _name(one: Chapter) -> str:
    return f"{one.what} v{one.version}" if one.version else one.what


def _row(one: Chapter) -> tuple[str, ...]:
    answers = ", ".join(f"v{version} {count:,}" for version, count in sorted(one.tally.answers.items()))
    weight = f"{one.weight:.0f} %" if one.version else ""
    seconds = f"{one.seconds:.0f} s" if one.seconds else ""
    right = "[green]yes[/]" if one.right else "[red]no[/]"
    return _name(one), one.ended, weight, seconds, answers, str(one.tally.failed), right
