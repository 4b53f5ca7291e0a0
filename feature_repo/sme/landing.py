"""Generated companies as files in folders by day, and the truth beside them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from scoreops.sme.world import make_world
from scoreops.sme.world_wire import files


def write_world(out: Path, *, orgs: int, days: int, seed: int) -> dict[str, Any]:
    """Write OUT/DAY/TABLE.csv and OUT/../truth; what was there before is gone. Returns what was written."""
    world = make_world(orgs, days, seed)
    shutil.rmtree(out, ignore_errors=True)
    bad: Counter[str] = Counter()
    lines = repeats = 0
    for day, name, content, said in files(world, seed):
        folder = out / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        bad += said.bad
        lines, repeats = lines + said.lines, repeats + said.repeats
    truth = out.parent / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    for table, frame in world.truth.items():
        frame.to_parquet(truth / f"{table}.parquet", index=False)
    made = {
        "start": world.start.isoformat(),
        "end": world.end.isoformat(),
        "rows": {name: len(frame) for name, frame in world.frames.items()},
        "lines": lines,
        "bad": dict(bad),
        "repeats": repeats,
    }
    (truth / "world.json").write_text(json.dumps(made, indent=1) + "\n")
    return made
