"""Rolling features on the log: what a consumer reads is what the store's tiles said of that minute when it was left."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from itertools import groupby

import pytest

from feature_repo.alerts import AlertEngine
from feature_repo.feature_stream import FeatureStream, messages
from feature_repo.stream import PlainRunner, open_state
from feature_repo.tile_state import online_rows
from feature_repo.views import ROLLING_VIEW
from ingestion.replay import Line, replay
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.kafka import FastProducer
from scoreops.adapters.kafka_log import read_all
from scoreops.core.errors import BadInput
from scoreops.kol.events import FEATURES_TOPIC, encode, parse
from scoreops.kol.tiles import HOUR_US, MINUTE_US
from scoreops.kol.world import World, WorldSpec
from tests.waiting import until

MINUTES = 90


@pytest.fixture(scope="module")
def in_time():
    """An hour and a half of a small world, every event on time."""
    events = []
    for part in World(WorldSpec(kols=20, days=1, seed=4)).lines():
        for line in part:
            try:
                events.append(parse(line))
            except BadInput:
                continue
    events.sort(key=lambda event: event.event_time)
    first = events[0].event_time + timedelta(hours=12)
    return [event for event in events if first <= event.event_time < first + timedelta(minutes=MINUTES)]


def test_each_minute_that_event_time_leaves_behind_is_published_as_the_tiles_have_it(
    topics, redis_client, settings, in_time
):
    replay([], settings)  # makes the topics
    state, producer = open_state(settings), FastProducer(settings.kafka_bootstrap)
    stream, alerts = FeatureStream(state, producer), AlertEngine(state, AlertBook(settings.redis_url), producer)
    stop = threading.Event()
    expected = {}

    def told(applied):
        alerts(applied)
        before = stream.published
        stream(applied)
        if stream.published > before:
            minute, hour = applied.watermark_us // MINUTE_US - 1, applied.watermark_us // HOUR_US
            rows = online_rows(state.tiles(hour - 47, hour + 1), minute).to_pylist()
            expected[minute] = {key.decode(): json.loads(text) for key, text in messages(rows)}

    runner, lived = PlainRunner(settings, state, told), []
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        replay(_minute_by_minute(in_time, runner, lived), settings)
        until(lambda: runner.progress.read == len(in_time))
    finally:
        stop.set()
        thread.join()
    published = [json.loads(record.value) for record in read_all(settings.kafka_bootstrap, FEATURES_TOPIC)]
    assert len(published) == stream.published > 0
    assert len({(row["kol_id"], row["as_of"]) for row in published}) == len(published)
    assert all(tuple(row["features"]) == ROLLING_VIEW.features for row in published)
    by_minute = {}
    for row in published:
        minute = int(datetime.fromisoformat(row["as_of"]).timestamp()) // 60 - 1
        by_minute.setdefault(minute, {})[row["kol_id"]] = row
    assert set(by_minute) == {minute - 1 for minute in lived[1:]}
    assert by_minute == expected


def _minute_by_minute(events, runner, lived):
    """Lines of the events; a minute begins when the runner has read the one before, so that none is left out."""
    sent = 0
    for minute, of_it in groupby(events, lambda event: int(event.event_time.timestamp()) // 60):
        until(lambda sent=sent: runner.progress.read == sent)
        lived.append(minute)
        for event in of_it:
            sent += 1
            yield Line(encode(event), "test", str(sent))
