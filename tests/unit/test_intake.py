"""From messages to events: a clock that is wrong moves nobody's watermark but buries its own event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from feature_repo.intake import FUTURE_MS, read
from scoreops.adapters.kafka import original_of
from scoreops.adapters.kafka_log import Record
from tests.making import fields

WRITTEN = datetime(2026, 3, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead_s", "kept"),
    [(-86_400, True), (0, True), (FUTURE_MS / 1000, True), (FUTURE_MS / 1000 + 1, False), (3_599, False)],
)
def test_an_event_may_be_little_ahead_of_its_message(ahead_s, kept):
    stamped = (WRITTEN + timedelta(seconds=ahead_s)).isoformat()
    value = json.dumps(fields("view", kol_id="k1", event_time=stamped)).encode()
    found = read([Record("events.web.raw", 0, 7, round(WRITTEN.timestamp() * 1000), b"k1", value)])
    assert found.events.num_rows == kept
    assert [original_of(letter) for _, letter in found.letters] == ([] if kept else [value])
