"""The lake's two steps, raw events and then tiles, and what a reader may believe between them."""

from __future__ import annotations

import json
import multiprocessing

import pyarrow as pa
import pytest

from feature_repo.lake_writer import RAW, SCORES, LakeWriter, lake_fence, lake_span, lake_tiles, open_lake
from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput
from scoreops.kol.events import parse
from scoreops.kol.tiles import EVENT_SCHEMA, HOUR_US, to_table
from scoreops.kol.world import World, WorldSpec


@pytest.fixture(scope="module")
def events() -> pa.Table:
    """A day of a small world."""
    kept = []
    for part in World(WorldSpec(kols=5, days=1, seed=3)).lines():
        for line in part:
            try:
                kept.append(parse(line))
            except BadInput:
                continue
    return to_table(kept).select(EVENT_SCHEMA.names)


def append(lake, events, offsets):
    hours = sorted(set((events["event_time"].cast(pa.int64()).to_numpy() // HOUR_US).tolist()))
    lake.append(RAW, events, {"offsets": offsets, "hours": json.dumps(hours)})


def test_raw_events_without_their_tiles_are_not_taken_for_done(tmp_path, events):
    settings = Settings(home=tmp_path)
    lake = open_lake(settings)
    assert lake_fence(lake) == ""
    append(lake, events[:100], "first")
    assert lake_fence(lake) == ""
    LakeWriter(settings).catch_up_tiles()
    assert lake_fence(lake) == "first"
    append(lake, events[100:], "second")
    assert lake_fence(lake) == "first"
    LakeWriter(settings).catch_up_tiles()
    assert lake_fence(lake) == "second"
    folded = lake_tiles(lake, *lake_span(lake)).minutes["n_events"].sum()
    assert folded == len(set(events["event_id"].to_pylist()))


def test_a_batch_of_dead_letters_alone_moves_the_fence(tmp_path, events):
    settings = Settings(home=tmp_path)
    lake = open_lake(settings)
    append(lake, events[:100], "first")
    LakeWriter(settings).catch_up_tiles()
    append(lake, events[:0], "letters")
    LakeWriter(settings).catch_up_tiles()
    assert lake_fence(lake) == "letters"


def test_the_span_is_that_of_the_rows(tmp_path, events):
    settings = Settings(home=tmp_path)
    lake = open_lake(settings)
    assert lake_span(lake) == (0, 0)
    append(lake, events[:50], "first")
    append(lake, events[-50:], "second")
    LakeWriter(settings).catch_up_tiles()
    minutes = lake.scan("minutes", columns=("minute",))["minute"].to_numpy()
    assert lake_span(lake) == (minutes.min() // 60, minutes.max() // 60 + 1)
    hours = range(*lake_span(lake))
    lake.replace("minutes", "at", [hours[-1]], lake.scan("minutes")[:0], {"raw-snapshot": "none"})
    left = lake.scan("minutes", columns=("minute",))["minute"].to_numpy()
    assert lake_span(lake)[1] == left.max() // 60 + 1 < hours.stop


def opened(folder, together):
    together.wait()
    open_lake(Settings(home=folder))


def test_many_open_a_new_lake_at_once(tmp_path):
    of_its_own = multiprocessing.get_context("fork")
    for attempt in range(3):
        together = of_its_own.Barrier(6)
        folder = tmp_path / str(attempt)
        those = [of_its_own.Process(target=opened, args=(folder, together)) for _ in range(6)]
        for one in those:
            one.start()
        for one in those:
            one.join(60)
        assert [one.exitcode for one in those] == [0] * 6
        assert {RAW, SCORES} < set(open_lake(Settings(home=folder)).tables())
