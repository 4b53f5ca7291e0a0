"""What is true in a generated world, for those who check: never an input of a model, but for the labels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from scoreops.kol.world import World
from scoreops.kol.world_cast import KINDS, PLATFORMS

LABEL_HOURS: Final = (6, 24)
"""An agency knows how a campaign turned out between so many hours after its end."""


def labels(world: World) -> list[dict[str, Any]]:
    """How finished campaigns turned out, as an agency would know at the end of the world, in order of time."""
    rng = np.random.default_rng([world.spec.seed, 3])
    made, cast = world.campaigns, world.cast
    known = made.stop + rng.integers(*LABEL_HOURS, len(made.stop), endpoint=True)
    rows = [
        {
            "kol_id": cast.ids[made.kol[i]],
            "campaign_id": made.id_of(i, cast),
            "label_time": _time(known[i]),
            "fraud": bool(cast.fraud[made.kol[i]]),
        }
        for i in np.flatnonzero((made.slot > 0) & (known < world.clock.stop))
    ]
    return sorted(rows, key=lambda row: (row["label_time"], row["campaign_id"]))


def truth(world: World) -> dict[str, Any]:
    """Each KOL's kind and each jump of its followers with the cause: `first` are those of the first hour."""
    cast, spikes = world.cast, world.spikes
    kols: dict[str, dict[str, Any]] = {
        name: {
            "kind": KINDS[cast.kind[i]],
            "platform": PLATFORMS[cast.platform[i]],
            "fraud": bool(cast.fraud[i]),
            "intensity": round(float(cast.intensity[i]), 4),
            "spikes": [],
        }
        for i, name in enumerate(cast.ids)
    }
    for i, row in enumerate(spikes.kol):
        spike = {"hour": _time(spikes.hour[i]), "cause": spikes.cause[i], "size": int(spikes.size[i])}
        kols[cast.ids[row]]["spikes"].append(spike | {"first": int(spikes.first[i])})
    return {"kols": kols}


def summary(world: World) -> dict[str, Any]:
    """What was generated, and how many lines of each sort; complete once `world.lines` is used up."""
    spec, tally = world.spec, world.tally
    return {
        "kols": spec.kols,
        "days": spec.days,
        "seed": spec.seed,
        "start": _time(world.clock.start),
        "end": _time(world.clock.stop),
        "events": {
            "produced": tally.produced,
            "malformed": tally.malformed,
            "repeats": tally.repeats,
            "late": tally.late,
        },
        "by_type": dict(tally.by_type),
    }


def _time(hour: int | np.int64) -> str:
    return datetime.fromtimestamp(int(hour) * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
