"""One process of the cluster, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.binaries import built
from cluster.place import Place
from scoreops.local.service import Service


def part(
    place: Place,
    name: str,
    arguments: Sequence[str],
    ready: Callable[[], bool],
    *,
    program: Path | None = None,
    env: Mapping[str, str] | None = None,
    files: Mapping[Path, str] | None = None,
    prepare: Callable[[], None] = lambda: None,
    stop_s: float = 10.0,
) -> Service:
    """A service in the cluster's network and mounts.

    Args:
        place: Which cluster.
        name: Name of the component, and of its program unless that is given.
        arguments: What the program is told.
        ready: Whether it is.
        program: Another program than the compiled one.
        env: Variables for it.
        files: What it reads, written before each start.
        prepare: What else comes before each start.
        stop_s: How long it may take to end.
    """

    def made() -> None:
        for file, text in (files or {}).items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        prepare()

    argv = place.enter([str(program or built(name)), *arguments])
    return Service(name, place.home, argv, ready, env=dict(env or {}), prepare=made, start_s=120.0, stop_s=stop_s)


def flags(values: Mapping[str, Any]) -> list[str]:
    """`--key=value` for each; an underscore stands for a hyphen, a list is joined by commas."""
    return [f"--{key.replace('_', '-')}={_shown(value)}" for key, value in values.items()]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
