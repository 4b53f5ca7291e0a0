"""Kafka: topics, producers, consumers, dead letters. The only file that imports a Kafka client.

kafka-python serves administration and everything at a low rate; confluent-kafka serves the hot paths (docs/adr/0002).
Both producers are idempotent and wait for all in-sync replicas, and both place a key on the same partition (murmur2).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Consumer as NativeConsumer
from confluent_kafka import Producer as NativeProducer

from scoreops.core.errors import NotReady

PARTITIONS: Final = 2
"""Partitions of every topic keyed by KOL: a KOL has the same partition number on each."""
DELIVERY_TIMEOUT_MS: Final = 180_000
"""How long a producer keeps what it could not deliver yet: three times the outage that must lose nothing."""

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


def ensure_topics(bootstrap: str, topics: Iterable[str], partitions: int = PARTITIONS) -> None:
    """Create the topics that are missing. Raises NotReady when no broker answers."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError as AdminError
    from kafka.errors import TopicAlreadyExistsError

    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    except AdminError as error:
        raise NotReady(f"no Kafka broker answers at {bootstrap}; `scoreops up` starts one") from error
    try:
        missing = set(topics) - set(admin.list_topics())
        for name in sorted(missing):
            try:
                admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
            except TopicAlreadyExistsError:
                continue
    finally:
        admin.close()


class FastProducer:
    """Idempotent producer for high rates. Nothing counts as sent until `flush` returns."""

    def __init__(self, bootstrap: str, *, linger_ms: int = 20) -> None:
        self._failed: list[str] = []
        self._producer = NativeProducer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": linger_ms,
                "batch.num.messages": 20_000,
                "queue.buffering.max.messages": 200_000,
                "queue.buffering.max.kbytes": 131_072,
                "message.timeout.ms": DELIVERY_TIMEOUT_MS,
                "log_level": 2,
            }
        )

    def send(self, topic: str, key: bytes | None, value: bytes, timestamp_ms: int = 0) -> None:
        """Queue one message; waits while the queue is full. Raises NotReady when an earlier one was lost for good."""
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered, timestamp=timestamp_ms)
                self._producer.poll(0)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._raise_failed()

    def flush(self) -> None:
        """Wait until the log has everything. Raises NotReady when it does not take it within the delivery timeout."""
        left = self._producer.flush(DELIVERY_TIMEOUT_MS / 1000)
        if left:
            raise NotReady(f"the log did not take {left} messages within {DELIVERY_TIMEOUT_MS // 1000} s")
        self._raise_failed()

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))

    def _raise_failed(self) -> None:
        if self._failed:
            raise NotReady(f"the log refused {len(self._failed)} messages: {self._failed[0]}")


class SlowProducer:
    """Idempotent kafka-python producer: every call waits for its acknowledgements."""

    def __init__(self, bootstrap: str, *, timeout_s: float = 30.0) -> None:
        from kafka import KafkaProducer
        from kafka.errors import KafkaError as ClientError

        self._timeout_s = timeout_s
        self._error = ClientError
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
            )
        except ClientError as error:
            raise NotReady(f"no Kafka broker answers at {bootstrap}") from error

    def send(self, messages: Sequence[tuple[str, bytes | None, bytes]]) -> None:
        """Send (topic, key, value) messages and wait. Raises NotReady when not all are acknowledged in time."""
        try:
            futures = [self._producer.send(topic, key=key, value=value) for topic, key, value in messages]
            for future in futures:
                future.get(timeout=self._timeout_s)
        except self._error as error:
            raise NotReady(f"the log did not acknowledge: {error}") from error

    def close(self) -> None:
        """Flush and close."""
        self._producer.close()


class LogReader:
    """A consumer of explicit partitions from explicit offsets: its reader keeps the offsets, not the broker."""

    def __init__(self, bootstrap: str, offsets: Offsets) -> None:
        self._consumer = NativeConsumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "scoreops-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "fetch.min.bytes": 1,
                "queued.max.messages.kbytes": 65_536,
                "log_level": 2,
            }
        )
        self._consumer.assign(
            [
                TopicPartition(topic, partition, offset or OFFSET_BEGINNING)
                for (topic, partition), offset in offsets.items()
            ]
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
        return _watermarks(self._consumer, partitions)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


_TRANSIENT: Final = {
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - the client's own names
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._PARTITION_EOF,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def _watermarks(consumer: NativeConsumer, partitions: Iterable[tuple[str, int]]) -> Offsets:
    try:
        return {(t, p): consumer.get_watermark_offsets(TopicPartition(t, p), timeout=10)[1] for t, p in partitions}
    except KafkaException as error:
        raise NotReady(f"the broker does not answer: {error}") from error


def start_offsets(topics: Iterable[str], partitions: int = PARTITIONS) -> Offsets:
    """The beginning of every partition."""
    return {(topic, partition): 0 for topic in topics for partition in range(partitions)}


def read_all(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> Iterator[Record]:
    """Every message that is on `topic` now, partition by partition."""
    for partition in range(partitions):
        reader = LogReader(bootstrap, {(topic, partition): 0})
        try:
            end = reader.ends([(topic, partition)])[topic, partition]
            position = 0
            while position < end:
                for record in reader.poll(10_000, 0.2):
                    position = record.offset + 1
                    if record.offset < end:
                        yield record
        finally:
            reader.close()


def dead_letter(raw: bytes, reason: str, field: str, source: str, position: str) -> tuple[bytes, bytes]:
    """Key and value of a dead letter: why `raw` was refused, where it stood, and its bytes unchanged.

    The key is the place of the message, so that a letter written twice after a crash can be recognised.
    """
    letter: Mapping[str, Any] = {
        "source": source,
        "position": position,
        "reason": reason,
        "field": field,
        "original": base64.b64encode(raw).decode(),
    }
    return f"{source}/{position}".encode(), json.dumps(letter, ensure_ascii=False).encode()


def original_of(letter: bytes) -> bytes:
    """The refused bytes inside a dead letter."""
    return base64.b64decode(json.loads(letter)["original"])
