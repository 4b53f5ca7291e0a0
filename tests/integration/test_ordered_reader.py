"""Reading several partitions as one log, in the order of the messages' times."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from confluent_kafka import Producer

from scoreops.adapters.kafka import ensure_topics
from scoreops.adapters.kafka_log import OrderedReader, start_offsets


def produced(settings, topic, stamps):
    """Messages of two partitions with these (partition, milliseconds)."""
    ensure_topics(settings.kafka_bootstrap, (topic,))
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "enable.idempotence": True})  # keeps the order
    for number, (partition, at) in enumerate(stamps):
        producer.produce(topic, str(number).encode(), partition=partition, timestamp=at)
        producer.poll(0)
    assert producer.flush(30) == 0


def polled(settings, topic, limit):
    """Every poll that gave something, until all of the log was read."""
    offsets = start_offsets((topic,), 2)
    reader = OrderedReader(settings.kafka_bootstrap, offsets)
    try:
        left, batches = sum(reader.ends(offsets).values()), []
        while left:
            batch = reader.poll(limit, 0.05)
            left -= len(batch)
            batches += [batch] if batch else []
        return batches
    finally:
        reader.close()


@pytest.mark.parametrize("limit", [50, 500, 10_000])
def test_times_rise_and_a_millisecond_is_never_cut(settings, topics, prefix, limit):
    draw = random.Random(limit)
    at = 1_700_000_000_000
    stamps = []
    for _ in range(3_000):
        at += draw.choice((0, 0, 0, 0, 1, 2, 40))
        stamps.append((int(draw.random() < 0.9), at))
    produced(settings, prefix, stamps)
    batches = polled(settings, prefix, limit)
    times = [record.timestamp_ms for batch in batches for record in batch]
    assert sorted(int(record.value) for batch in batches for record in batch) == list(range(len(stamps)))
    assert times == sorted(times)
    ends = [(batch[0].timestamp_ms, batch[-1].timestamp_ms) for batch in batches]
    assert all(last < first for (_, last), (first, _) in pairwise(ends))


def test_more_messages_of_one_millisecond_than_a_buffer_takes_still_come(settings, topics, prefix):
    produced(settings, prefix, [(number % 2, 1_700_000_000_000) for number in range(500)])
    assert sum(len(batch) for batch in polled(settings, prefix, 5)) == 500
