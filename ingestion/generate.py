"""A generated world as files: events in order of arrival, labels, and the truth."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoreops.kol.world import World, WorldSpec
from scoreops.kol.world_truth import labels, summary, truth


def write_world(
    out: Path, *, kols: int, days: int, seed: int, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Write OUT/{events.jsonl.gz, labels.jsonl, truth.json, world.json}; the last one complete means all are."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "world.json").unlink(missing_ok=True)
    world = World(WorldSpec(kols=kols, days=days, seed=seed))
    written = 0
    with (out / "events.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as file:
        for part in world.lines():
            file.write(b"\n".join(part) + b"\n" if part else b"")
            written += len(part)
            progress(written)
    (out / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels(world)))
    (out / "truth.json").write_text(json.dumps(truth(world), indent=1) + "\n")
    made = summary(world)
    (out / "world.json").write_text(json.dumps(made, indent=1) + "\n")
    return made
