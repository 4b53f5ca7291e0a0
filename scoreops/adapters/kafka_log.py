"""Reading the log: explicit partitions from explicit offsets, in the order in which messages were written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

import structlog
from confluent_kafka import Consumer as NativeConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from scoreops.adapters.kafka import PARTITIONS
from scoreops.core.errors import NotReady

_log: Final = structlog.get_logger("scoreops.kafka_log")
Offsets = dict[tuple[str, int], int]
"""Next offset to read by (topic, partition)."""


class Record(NamedTuple):
    """One message with its place in the log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes


class LogReader:
    """A consumer of explicit partitions from explicit offsets: its reader keeps the offsets, not the broker.

    A `patient` one asks for much at once, and so seldom: what is new may come half a second later.
    """

    def __init__(self, bootstrap: str, offsets: Offsets, *, patient: bool = False) -> None:
        self._consumer = NativeConsumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "scoreops-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 500 if patient else 20,
                "fetch.min.bytes": 1_000_000 if patient else 1,
                "queued.max.messages.kbytes": 65_536,
                "log_level": 2,
            }
        )
        # An offset that is no longer there means the earliest; to ask for that one by name would take half a second.
        self._consumer.assign(
            [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        )

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """Up to `limit` messages, waiting at most `timeout_s`. A lost broker gives none, not an error."""
        records = []
        for message in self._consumer.consume(limit, timeout_s):
            error = message.error()
            if error is not None:
                if error.retriable() or error.code() in _TRANSIENT:
                    continue
                raise KafkaException(error)
            records.append(
                Record(
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value() or b"",
                )
            )
        return records

    def ends(self, partitions: Iterable[tuple[str, int]]) -> Offsets:
        """The next offset that will be written, by partition. Raises NotReady when the broker does not answer."""
        return {place: high for place, (_, high) in _watermarks(self._consumer, partitions).items()}

    def held(self, offsets: Offsets) -> Offsets:
        """The same, but none before the first message that the log still holds: what it forgot will never come.

        Raises NotReady when the broker does not answer.
        """
        lows = {place: low for place, (low, _) in _watermarks(self._consumer, offsets).items()}
        for place, low in lows.items():
            if 0 < offsets[place] < low:
                _log.warning("the log forgot what was not read", place=place, messages=low - offsets[place])
        return {place: max(offset, lows[place]) for place, offset in offsets.items()}

    def end(self, place: tuple[str, int]) -> int:
        """The end of a partition as the last answer of the broker told; -1 before the first."""
        high: int = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1]
        return high

    def pause(self, place: tuple[str, int], *, paused: bool) -> None:
        """Stop or go on fetching a partition."""
        (self._consumer.pause if paused else self._consumer.resume)([TopicPartition(*place)])

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


class OrderedReader:
    """Reads like LogReader, but across partitions in the order of the messages' times.

    A reader that catches up would otherwise see the whole of a short partition before the beginning of a long one, and
    event time would run far ahead of what is still to come. A message waits until no partition can hold an earlier one,
    and messages of one millisecond, whose order nobody knows, come together.
    """

    def __init__(self, bootstrap: str, offsets: Offsets) -> None:
        self._reader = LogReader(bootstrap, offsets)
        self._buffers: dict[tuple[str, int], deque[Record]] = {place: deque() for place in offsets}
        self._next = self._reader.held(offsets)
        self._seen = dict.fromkeys(offsets, 0)
        self._paused: set[tuple[str, int]] = set()
        self._first_ends = self._reader.ends(offsets)

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """Up to `limit` messages whose turn it is, and the rest of the last one's millisecond.

        Waits at most `timeout_s`.
        """
        wait = 0.0 if any(self._buffers.values()) and self._horizon() is None else timeout_s
        for record in self._reader.poll(limit, wait):
            place = (record.topic, record.partition)
            self._buffers[place].append(record)
            self._next[place], self._seen[place] = record.offset + 1, record.timestamp_ms
        horizon = self._horizon()
        released = self._release(limit, horizon)
        if (
            not released and horizon is not None and self._paused
        ):  # a millisecond with more messages than a buffer takes
            released = self._release(limit, horizon + 1)
        self._balance(limit)
        return released

    def ends(self, partitions: Iterable[tuple[str, int]]) -> Offsets:
        """See LogReader."""
        return self._reader.ends(partitions)

    def held(self, offsets: Offsets) -> Offsets:
        """See LogReader."""
        return self._reader.held(offsets)

    def close(self) -> None:
        """Leave."""
        self._reader.close()

    def _horizon(self) -> int | None:
        """Before this time no partition can hold more; None when all of the log was read."""
        return min((self._seen[place] for place in self._buffers if self._behind(place)), default=None)

    def _behind(self, place: tuple[str, int]) -> bool:
        return self._next[place] < max(self._first_ends[place], self._reader.end(place))

    def _release(self, limit: int, horizon: int | None) -> list[Record]:
        heads = [(buffer[0].timestamp_ms, place) for place, buffer in self._buffers.items() if buffer]
        heapify(heads)
        released: list[Record] = []
        while heads and (horizon is None or heads[0][0] < horizon):
            at, place = heappop(heads)
            if len(released) >= limit and at > released[-1].timestamp_ms:
                break
            buffer = self._buffers[place]
            released.append(buffer.popleft())
            if buffer:
                heappush(heads, (buffer[0].timestamp_ms, place))
        return released

    def _balance(self, limit: int) -> None:
        """A partition that is far ahead of the others waits for them, so that buffers stay small."""
        for place, buffer in self._buffers.items():
            if place not in self._paused and len(buffer) > 2 * limit:
                self._paused.add(place)
                self._reader.pause(place, paused=True)
            elif place in self._paused and len(buffer) < limit:
                self._paused.discard(place)
                self._reader.pause(place, paused=False)


_TRANSIENT: Final = {
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - the client's own names
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._PARTITION_EOF,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def _watermarks(
    consumer: NativeConsumer, partitions: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], tuple[int, int]]:
    """The first offset that is there and the next that will be written, by partition."""
    try:
        return {(t, p): consumer.get_watermark_offsets(TopicPartition(t, p), timeout=10) for t, p in partitions}
    except KafkaException as error:
        raise NotReady(f"the broker does not answer: {error}") from error


def places(bootstrap: str, topics: Sequence[str]) -> list[tuple[str, int]]:
    """Every (topic, partition) of `topics`.

    Raises NotReady when the broker does not answer, or does not know one of them: it may take a moment to learn of a
    topic that was just made.
    """
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    try:
        known = client.list_topics(timeout=10).topics
    except KafkaException as error:
        raise NotReady(f"the broker does not answer: {error}") from error
    unknown = [topic for topic in topics if topic not in known]
    if unknown:
        raise NotReady(f"the broker does not know of {', '.join(unknown)} yet")
    return [(topic, partition) for topic in topics for partition in sorted(known[topic].partitions)]


def start_offsets(topics: Iterable[str], partitions: int = PARTITIONS) -> Offsets:
    """The beginning of every partition."""
    return {(topic, partition): 0 for topic in topics for partition in range(partitions)}


def read_all(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> Iterator[Record]:
    """Every message that is on `topic` now, partition by partition."""
    for partition in range(partitions):
        place = (topic, partition)
        reader = LogReader(bootstrap, {place: 0})
        try:
            end, position = reader.ends([place])[place], reader.held({place: 0})[place]
            while position < end:
                for record in reader.poll(min(10_000, end - position), 0.2):
                    position = record.offset + 1
                    if record.offset < end:
                        yield record
        finally:
            reader.close()
