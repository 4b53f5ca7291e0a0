"""Kafka: topics, producers, dead letters. This file and `kafka_log`, which reads, alone import a Kafka client.

kafka-python serves administration and everything at a low rate; confluent-kafka serves the hot paths (docs/adr/0002).
Both producers are idempotent and wait for all in-sync replicas, and both place a key on the same partition (murmur2).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as NativeProducer

from scoreops.core.errors import NotReady, Unsupported

PARTITIONS: Final = 2
"""Partitions of every topic keyed by KOL: a KOL has the same partition number on each."""
DELIVERY_TIMEOUT_MS: Final = 180_000
"""How long a producer keeps what it could not deliver yet: three times the outage that must lose nothing."""
MAX_LETTER: Final = 524_288
"""Most original bytes in a dead letter, so that the log takes it whatever it was that did not fit."""


def ensure_topics(bootstrap: str, topics: Iterable[str], partitions: int = PARTITIONS) -> None:
    """Create the topics that are missing.

    Raises NotReady when no broker answers, Unsupported for a topic with another number of partitions: of the others a
    reader would know nothing.
    """
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError as AdminError
    from kafka.errors import TopicAlreadyExistsError

    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    except AdminError as error:
        raise NotReady(f"no Kafka broker answers at {bootstrap}; `scoreops up` starts one") from error
    try:
        known = {one["name"]: len(one["partitions"]) for one in admin.describe_topics()}
        for name in sorted(topics):
            if known.get(name, partitions) not in {0, partitions}:  # 0 while it is being made
                raise Unsupported(f"topic {name} has {known[name]} partitions; here it must have {partitions}")
        for name in sorted(set(topics) - set(known)):
            with suppress(TopicAlreadyExistsError):
                admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
    except AdminError as error:
        raise NotReady(f"the Kafka broker at {bootstrap} cannot answer now: {error}") from error
    finally:
        admin.close()


class FastProducer:
    """Idempotent producer for high rates. Nothing counts as sent until `flush` returns."""

    def __init__(self, bootstrap: str, *, linger_ms: int = 20, timeout_ms: int = DELIVERY_TIMEOUT_MS) -> None:
        """`timeout_ms` is how long a message is kept that the log does not take."""
        self._timeout_ms = timeout_ms
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
                "message.timeout.ms": timeout_ms,
                "delivery.report.only.error": True,
                "log_level": 2,
            }
        )

    def send(self, topic: str, key: bytes | None, value: bytes, timestamp_ms: int = 0) -> None:
        """Queue one message; waits while the queue is full.

        Raises NotReady once when earlier ones were lost for good, and this one is not queued then: who goes on living
        repeats all that it has not flushed.
        """
        self._producer.poll(0)
        self._raise_failed()
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered, timestamp=timestamp_ms)
                break
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        """Wait until the log has everything. Raises NotReady when it does not take it within the delivery timeout."""
        left = self._producer.flush(self._timeout_ms / 1000)
        if left:
            raise NotReady(f"the log did not take {left} messages within {self._timeout_ms // 1000} s")
        self._raise_failed()

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))

    def _raise_failed(self) -> None:
        failed, self._failed = self._failed, []
        if failed:
            raise NotReady(f"the log refused {len(failed)} messages: {failed[0]}")


class BestEffortProducer:
    """Takes a message or says at once that it cannot; whoever offers never waits. For what may be lost, if counted.

    Messages lie in a queue of bounded length and size until the log has acknowledged them. Each holds one or many
    lines, and what became of the lines is counted.
    """

    def __init__(self, bootstrap: str) -> None:
        self._lost = self._sent = 0
        self._producer = NativeProducer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 50,
                "queue.buffering.max.messages": 50_000,
                "queue.buffering.max.kbytes": 65_536,
                "message.timeout.ms": 30_000,
                "log_level": 2,
            }
        )

    def offer(self, topic: str, value: bytes, lines: int = 1) -> bool:
        """Queue a message of so many lines, if there is room for it."""
        try:
            self._producer.produce(topic, value, on_delivery=partial(self._settle, lines))
        except (BufferError, KafkaException):  # no room, or larger than the log takes
            return False
        return True

    def settled(self) -> tuple[int, int]:
        """How many of the lines taken so far the log has acknowledged, and how many are lost."""
        self._producer.poll(0)
        return self._sent, self._lost

    def close(self, timeout_s: float) -> None:
        """Wait for what is queued, for so long, and give the rest up."""
        if self._producer.flush(timeout_s):
            self._producer.purge()
            self._producer.flush(1)

    def _settle(self, lines: int, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._sent += lines
        else:
            self._lost += lines


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


def dead_letter(raw: bytes, reason: str, field: str, source: str, position: str) -> tuple[bytes, bytes]:
    """Key and value of a dead letter: why `raw` was refused, where it stood, and its bytes unchanged.

    Of a `raw` longer than MAX_LETTER it holds the beginning, and `size` says how long it was. The key is the place of
    the message, so that a letter written twice after a crash can be recognised.
    """
    letter: dict[str, Any] = {
        "source": source,
        "position": position,
        "reason": reason,
        "field": field,
        "original": base64.b64encode(raw[:MAX_LETTER]).decode(),
    }
    if len(raw) > MAX_LETTER:
        letter["size"] = len(raw)
    return f"{source}/{position}".encode(), json.dumps(letter, ensure_ascii=False).encode()


def original_of(letter: bytes) -> bytes:
    """The refused bytes inside a dead letter."""
    return base64.b64decode(json.loads(letter)["original"])
