"""Our own long-running parts as supervised processes: stream, lake, predictor, fusion, console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import Unsupported
from scoreops.local import probes
from scoreops.local.service import Service, python

_ROOT: Final = Path(__file__).resolve().parents[2]
_COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "stream": ("stream", "--json"),
    "lake": ("stream", "--sink", "lake", "--json"),
    "predictor": ("serve", "--log", "--linger-s", "0", "--json"),
    "fusion": ("fuse", "--json"),
    "console": ("console",),
}
PARTS: Final = tuple(_COMMANDS)


def part(name: str, settings: Settings) -> Service:
    """The part called `name`. Raises Unsupported for another name."""
    if name not in _COMMANDS:
        raise Unsupported(f"{name!r} is not one of {', '.join(PARTS)}")
    ports = {
        "predictor": (settings.predictor_port, settings.predictor_grpc_port),
        "console": (settings.console_port,),
    }
    listening = ports.get(name, ())
    return Service(
        name,
        settings.root,
        python("-W", "ignore", "-m", "scoreops", *_COMMANDS[name], *_places(name, settings)),
        probes.http(settings.host, listening[0], _LIVE[name]) if listening else lambda: True,
        listening,
        env=settings.environment() | {"PYTHONPATH": str(_ROOT)},
        host=settings.host,
        stop_s=30.0,
    )


def _places(name: str, settings: Settings) -> tuple[str, ...]:
    """Options that name a folder of this HOME."""
    return ("--split-dir", str(settings.splits_dir)) if name == "predictor" else ()


_LIVE: Final = {"predictor": "/v2/health/live", "console": "/health"}
